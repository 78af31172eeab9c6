"""Texts of strangers stay text on the pages of shops and of the system: names, messages, reasons, groups, labels."""

import html
import re

import pytest
from redis.asyncio import Redis

from shopstream.redis import clock
from shopstream.redis.keys import worker_key, workers_key
from tests.dashboard import planting
from tests.dashboard.people import log_in
from tests.dashboard.seeding import Seeded, seed_shops
from tests.gateway.running import gateway

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'><svg onload=alert(1)>",
    "</title><script>1</script>", "{{ 7 * 7 }}", "{% raw %}", "${7*7}", "javascript:alert(1)",
    "data:text/html,<script>1</script>", "<!--", "--> x",
    "]]>", "&lt;b&gt;", "\u202egnp.exe", "a\x01b", "%3Cscript%3E", "<a href=//evil.example>x</a>",
    "<style>*{display:none}</style>", "<iframe src=//evil.example>", "x" * 300,
)  # fmt: skip
FOREIGN = re.compile(r"<(?:img|iframe|style|a href=//)[\s>]|<svg onload|href=\"(?:javascript|data):")


def escaped(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


@pytest.mark.parametrize("at", range(0, len(HOSTILE), 5))
async def test_hostile_texts_stay_text_on_every_page(redis: Redis, redis_url: str, at: int) -> None:
    async with gateway(redis_url) as running:
        for number, text in enumerate(HOSTILE[at : at + 5]):
            await redis.flushall()
            now_ms = await clock.read_ms(redis)
            shop = Seeded(number, now_ms, name=text, trouble="not_allowed", message=text)
            await seed_shops(redis, [shop])
            await planting.plant_stock(redis, shop.shop_id, now_ms, group=text)
            await planting.plant_letters(redis, shop.shop_id, now_ms, message=text)
            await planting.plant_given_up(redis, shop.shop_id, text, reason=text)
            await planting.plant_walks(redis, shop.shop_id, now_ms, reason=text)
            await redis.set(worker_key(text), b'{"host":"h","pid":1,"started":"","slots":1,"in_use":0,"full":false}')
            await redis.zadd(workers_key(), {text: now_ms + 3_600_000})
            person = await log_in(running)
            await person.send("/authorizations/invite", {"label": text[:100], "days": "1", "confirmed": "1"})
            ((letter, _),) = await redis.xrange(planting.HOME.stream("dead"), count=1)
            quoted = "".join(f"%{byte:02X}" for byte in text.encode())
            for path in (
                f"/shops/{shop.shop_id}", f"/shops/{shop.shop_id}?sku={planting.SKU}",
                f"/shops/{shop.shop_id}?sku={quoted}", "/streams", "/dead", "/dead?class=unreadable",
                f"/streams/given-up?stream=stock&group={quoted}",
                f"/dead/letter?name={letter.decode()}", "/workers", "/authorizations", "/audit", f"/search?q={quoted}",
                f"/dead?class={quoted}", f"/dead?shop={quoted}",
            ):  # fmt: skip
                answer = await person.open(path)
                assert answer.status in {200, 303}, (path, answer.status)
                page = answer.text
                assert len(re.findall(r"<script\b", page)) in {0, 2}, path
                assert not FOREIGN.search(page), path
                assert "49" not in re.findall(r"<h1[^>]*>(.*?)</h1>", page), path
            for path in ("/streams", "/dead", f"/shops/{shop.shop_id}"):
                assert escaped(text)[:100] in (await person.open(path)).text, path
            asked = await person.send("/streams/delete-group", {"stream": "stock", "group": text})
            assert escaped(text) in asked.text
            assert len(re.findall(r"<script\b", asked.text)) == 2
