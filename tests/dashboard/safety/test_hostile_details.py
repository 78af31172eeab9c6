"""Texts of strangers stay text on the pages of shops and of the system: names, messages, reasons, groups, labels."""

import html
import re
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis

from shopstream.redis import clock
from shopstream.redis.deployment_keys import worker_key, workers_key
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


async def plant_hostile(redis: Redis, payloads: Sequence[str]) -> list[Seeded]:
    """A shop, a group, a dead letter, a given up event, a failed sync and a worker of each payload."""
    now_ms = await clock.read_ms(redis)
    shops = [
        Seeded(number, now_ms, name=text, trouble="not_allowed", message=text) for number, text in enumerate(payloads)
    ]
    await seed_shops(redis, shops)
    await planting.plant_stock(redis, shops[0].shop_id, now_ms, group=payloads[0])
    for shop, text in zip(shops, payloads, strict=True):
        if shop.number:
            await redis.xgroup_create(planting.HOME.stream("stock"), text, id="0")
        facts = {"kind": "products", "id": text, "error_class": text, "code": 1, "message": text, "attempts": 1}
        letter = planting.entry("dead.letter", shop.shop_id, f"product/{text}", facts, causationid=text)
        await redis.xadd(planting.HOME.stream("dead"), letter)  # type: ignore[arg-type]
        await planting.plant_given_up(redis, shop.shop_id, text, reason=text)
        await planting.plant_walks(redis, shop.shop_id, now_ms, reason=text)
        await redis.set(worker_key(text), b'{"host":"h","pid":1,"started":"","slots":1,"in_use":0,"full":false}')
        await redis.zadd(workers_key(), {text: now_ms + 3_600_000})
    return shops


@pytest.mark.parametrize("at", range(0, len(HOSTILE), 5))
async def test_hostile_texts_stay_text_on_every_page(redis: Redis, redis_url: str, at: int) -> None:
    payloads = HOSTILE[at : at + 5]
    shops = await plant_hostile(redis, payloads)
    letters = [entry.decode() for entry, _ in await redis.xrange(planting.HOME.stream("dead"))]
    async with gateway(redis_url) as running:
        person = await log_in(running)
        for shop, text, letter in zip(shops, payloads, letters, strict=True):
            await person.send("/authorizations/invite", {"label": text[:100], "days": "1", "confirmed": "1"})
            quoted = "".join(f"%{byte:02X}" for byte in text.encode())
            home = f"/shops/{shop.shop_id}"
            showing = {home: 200, f"/dead/letter?name={letter}": 200, f"/dead?shop={shop.shop_id}": 200}
            showing |= {"/streams": 200, "/dead": 200, "/workers": 200, "/authorizations": 200}
            showing |= {f"/streams/given-up?stream=stock&group={quoted}": 200, f"{home}?sku={quoted}": 200}
            taking = [
                f"{home}?sku={planting.SKU}",
                f"/search?q={quoted}",
                f"/dead?class={quoted}",
                f"/dead?shop={quoted}",
            ]
            for path in [*showing, *taking, "/audit", f"/dead/letter?name={quoted}", f"/shops/{quoted}"]:
                answer = await person.open(path)
                assert answer.status == showing.get(path, answer.status) < 500, (path, answer.status)
                assert len(re.findall(r"<script\b", answer.text)) in {0, 2}, path
                assert not FOREIGN.search(answer.text), path
                if path in list(showing)[:-1]:
                    assert escaped(text)[:40] in answer.text, path
            asked = await person.send("/streams/delete-group", {"stream": "stock", "group": text})
            assert escaped(text) in asked.text
            assert len(re.findall(r"<script\b", asked.text)) == 2
