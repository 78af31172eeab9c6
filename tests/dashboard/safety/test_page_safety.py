"""Pages keep strangers' texts as texts, and serve nothing that is not theirs."""

import html
import re

import pytest
from redis.asyncio import Redis

from tests.dashboard.people import PAGE, log_in
from tests.dashboard.seeding import Seeded, seed_shops
from tests.gateway.running import gateway

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'><svg onload=alert(1)>",
    "</title><script>1</script>",
    "{{ 7 * 7 }}", "{% raw %}", "${7*7}", "javascript:alert(1)", "data:text/html,<script>1</script>", "<!--", "-->",
    "]]>", "&lt;b&gt;", "\u202egnp.exe", "\x00\x01", "%3Cscript%3E", "<a href=//evil.example>x</a>",
    "<style>*{display:none}</style>", "<iframe src=//evil.example>", "x" * 300,
)  # fmt: skip


async def test_every_answer_has_the_headers_that_keep_it_safe(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [Seeded(1, 0)])
    async with gateway(redis_url) as running:
        person = await log_in(running)
        answers = [await person.open(path) for path in ("/", "/shops", "/login", "/static/dashboard.css", "/static/no")]
        answers += [await running.call("GET", "/", role="", headers=PAGE), await running.call("GET", "/", role="")]
        answers.append(await person.send("/pause"))
        for answer in answers:
            assert answer.headers["Content-Security-Policy"] == POLICY
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        for answer in [*answers[:3], *answers[5:]]:
            assert answer.headers["Cache-Control"] == "no-store"


async def test_pages_have_nothing_inline_and_name_no_other_host(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [Seeded(1, 0)])
    async with gateway(redis_url) as running:
        person = await log_in(running)
        for path in ("/", "/shops", "/login"):
            text = (await person.open(path)).text
            assert not re.search(r"\son\w+\s*=|\sstyle\s*=|<style|<script(?![^>]*\bsrc=)", text), path
            assert not re.search(r"""(?:src|href|action)\s*=\s*["']?(?:[a-z]+:|//|/)""", text), path


@pytest.mark.parametrize("at", range(0, len(HOSTILE), 5))
async def test_hostile_names_and_messages_stay_text(redis: Redis, redis_url: str, at: int) -> None:
    payloads = HOSTILE[at : at + 5]
    shops = [
        Seeded(number, 0, name=text, trouble="not_allowed" if number % 2 else "", message=text)
        for number, text in enumerate(payloads)
    ]
    await seed_shops(redis, shops)
    async with gateway(redis_url) as running:
        person = await log_in(running)
        for path in ("/?state=all", "/shops"):
            text = (await person.open(path)).text
            for shop, payload in zip(shops, payloads, strict=True):
                seen = payload if payload.strip("\x00\x01") else shop.shop_id  # nothing of that name can be seen
                assert html.escape(seen).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
            assert len(re.findall(r"<script\b", text)) == 2
            assert not re.search(r"<(?:img|iframe|style|svg onload)\b", text)


async def test_static_files_are_a_fixed_list_and_kept(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [])
    async with gateway(redis_url) as running:
        page = (await running.call("GET", "/login", role="", headers=PAGE)).text
        (path,) = re.findall(r'href="\./(static/dashboard\.css\?v=\w+)"', page)
        kept = await running.call("GET", f"/{path}", role="")
        assert (kept.status, "immutable" in kept.headers["Cache-Control"]) == (200, True)
        assert kept.headers["Content-Type"].startswith("text/css")
        again = await running.call("GET", f"/{path}", role="", headers={"If-None-Match": kept.headers["Etag"]})
        assert again.status == 304
        old = await running.call("GET", "/static/dashboard.css?v=000000000000", role="")
        assert old.headers["Cache-Control"] == "no-cache"
        for wrong in (
            "/static/../__init__.py", "/static/%2e%2e/routes.py", "/static/..%2froutes.py", "/static//etc/passwd",
            "/static/", "/static/idiomorph.LICENSE", "/static/dashboard.css%00", "/static/....//x",
            "/templates/base.html",
        ):  # fmt: skip
            answer = await running.call("GET", wrong, role="")
            assert answer.status in {400, 404}, wrong
            assert "import" not in answer.text


async def test_the_public_port_has_no_dashboard(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [])
    async with gateway(redis_url) as running:
        for path in ("/", "/login", "/shops", "/static/dashboard.css"):
            assert (await running.visit(path)).status == 404
