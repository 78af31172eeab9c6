"""The overview in Chromium: it looks right, works by keys, without a script, and stays live."""

import re
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis

from tests.dashboard.browser.viewer import expect, viewer
from tests.dashboard.safety.test_page_safety import HOSTILE
from tests.dashboard.seeding import Seeded, seed, seed_shops
from tests.gateway.running import gateway

if TYPE_CHECKING:
    from playwright.async_api import Browser


async def test_the_overview_has_no_fault(chromium: "Browser", redis: Redis, redis_url: str) -> None:
    await seed(redis, 200)
    async with gateway(redis_url) as running, viewer(chromium, running) as seen:
        for path in ("", "?state=all", "shops?sort=waiting", "?shop=nothing"):
            await seen.open(path)
            await expect(seen.page.locator("#live")).to_have_attribute("data-state", "live")
            assert await seen.find_faults_anywhere() == [], path
        await seen.check()


async def test_an_empty_system_and_the_login_have_no_fault(chromium: "Browser", redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [])
    async with gateway(redis_url) as running, viewer(chromium, running, width=390) as seen:
        assert await seen.find_faults() == []
        assert not await seen.is_too_wide()
        await expect(seen.page.get_by_text("No shop is authorized yet.").first).to_be_visible()
        await seen.page.get_by_text("operator", exact=True).click()
        await seen.page.get_by_role("button", name="Log out").click()
        await expect(seen.page.locator("#token")).to_be_focused()
        assert await seen.find_faults() == []
        await seen.check()


async def test_keys(chromium: "Browser", redis: Redis, redis_url: str) -> None:
    await seed(redis, 200)
    async with gateway(redis_url) as running, viewer(chromium, running) as seen:
        page, keys = seen.page, seen.page.keyboard
        await keys.press("/")
        await expect(page.locator(".search input")).to_be_focused()
        await keys.type("gs?jt")
        await expect(page.locator(".search input")).to_have_value("gs?jt")
        await page.locator("#main").focus()
        await keys.press("j")
        rows = page.locator("#shops [data-row]")
        await expect(rows.first).to_be_focused()
        await keys.press("j")
        await expect(rows.nth(1)).to_be_focused()
        await keys.press("k")
        await expect(rows.first).to_be_focused()
        await keys.press("f")
        await expect(page.locator("[data-filter]")).to_be_focused()
        await keys.press("t")
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await keys.press("r")
        await expect(page.locator("#live")).to_have_attribute("data-state", "paused")
        await keys.press("r")
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")
        await keys.press("?")
        await expect(page.locator("#keys")).to_be_visible()
        assert await seen.find_faults() == []
        await keys.press("Escape")
        await expect(page.locator("#keys")).to_be_hidden()
        await keys.press("g")
        await keys.press("s")
        await page.wait_for_url(re.compile("/shops$"))
        # The theme came with the cookie: the server wrote it, no script had to change it.
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert await seen.find_faults() == []
        await seen.check()


async def test_what_changes_is_shown_without_a_reload_and_the_focus_stays(
    chromium: "Browser", redis: Redis, redis_url: str
) -> None:
    await seed_shops(redis, [Seeded(number, 0, status="deauthorized") for number in range(3)])
    async with gateway(redis_url) as running, viewer(chromium, running) as seen:
        head = seen.page.locator("#sentence h1")
        await expect(head).to_contain_text("0 of 3 shops")
        await seen.page.keyboard.press("j")
        await seen.page.evaluate("window.same = document.querySelector('#sentence h1')")
        await seed_shops(redis, [Seeded(number, 0, status="deauthorized") for number in range(3, 5)])
        await expect(head).to_contain_text("0 of 5 shops")
        assert await seen.page.evaluate("window.same === document.querySelector('#sentence h1')")
        await expect(seen.page.locator("#shops [data-row]").first).to_be_focused()
        await seen.check()


async def test_a_lost_stream_is_called_stale(chromium: "Browser", redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [Seeded(1, 0)])
    async with gateway(redis_url) as running, viewer(chromium, running) as seen:
        badge = seen.page.locator("#live")
        await expect(badge).to_contain_text("live ")
        running.process.child.terminate()
        await expect(badge).to_have_attribute("data-state", "stale")
        await expect(badge).to_contain_text(re.compile(r"stale since \d\d:\d\d:\d\d"))


async def test_without_a_stream_the_page_asks_again_and_again(
    chromium: "Browser", redis: Redis, redis_url: str
) -> None:
    await seed_shops(redis, [Seeded(1, 0, status="deauthorized")])
    async with gateway(redis_url) as running, viewer(chromium, running) as seen:
        page = seen.page

        async def refuse(route: Any) -> None:
            stream = "event-stream" in route.request.headers.get("accept", "")
            await (route.fulfill(status=503) if stream else route.continue_())

        await page.route("**/*", refuse)
        await seen.open()
        await expect(page.locator("#live")).to_have_attribute("data-state", "stale")
        await seed_shops(redis, [Seeded(2, 0, status="deauthorized")])
        await expect(page.locator("#sentence h1")).to_contain_text("0 of 2 shops")
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")


async def test_all_works_without_a_script(chromium: "Browser", redis: Redis, redis_url: str) -> None:
    await seed(redis, 200)
    more: dict[str, Any] = {"java_script_enabled": False}
    async with gateway(redis_url) as running, viewer(chromium, running, **more) as seen:
        page = seen.page
        await page.locator(".chips").get_by_text("Late").click()
        await page.wait_for_url(re.compile("state=late"))
        await page.get_by_role("link", name="Waiting").click()
        await page.wait_for_url(re.compile("sort=waiting"))
        await expect(page.locator("th[aria-sort=descending]")).to_have_count(1)
        await page.locator(".grid a").first.click()
        await page.wait_for_url(re.compile("shop="))
        await expect(page.locator("#shops [data-row]")).to_have_count(1)
        await page.get_by_role("button", name="Pause all shops").click()
        await page.get_by_role("button", name="Pause all").click()
        await expect(page.get_by_role("status")).to_contain_text("Done: pause all shops, 200 affected.")
        await seen.check()


async def test_hostile_names_run_nothing(chromium: "Browser", redis: Redis, redis_url: str) -> None:
    shops = [Seeded(at, 0, name=text, trouble="not_allowed", message=text) for at, text in enumerate(HOSTILE)]
    await seed_shops(redis, shops)
    async with gateway(redis_url) as running, viewer(chromium, running, width=390) as seen:
        seen.page.on("dialog", lambda dialog: seen.errors.append(dialog.message))
        await seen.open("?state=all")
        await expect(seen.page.locator("#live")).to_have_attribute("data-state", "live")
        assert await seen.page.locator("script").count() == 2
        assert not await seen.is_too_wide()
        await seen.check()


async def test_it_works_below_a_prefix(chromium: "Browser", redis: Redis, redis_url: str) -> None:
    """Behind a proxy that takes the prefix away, as this test's own does by rewriting the browser's requests."""
    await seed(redis, 20)
    async with gateway(redis_url) as running, viewer(chromium, running) as seen:
        page, base = seen.page, running.private

        async def strip(route: Any) -> None:
            await route.continue_(url=route.request.url.replace("/ops/shopstream/", "/"))

        await page.route("**/ops/shopstream/**", strip)
        await page.goto(f"{base}/ops/shopstream/")
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")
        await page.get_by_role("link", name="Shops", exact=True).click()
        await page.wait_for_url(f"{base}/ops/shopstream/shops")
        links = await page.eval_on_selector_all("a, link", "all => all.map((one) => one.href)")
        assert [link for link in links if not link.startswith(f"{base}/ops/shopstream/")] == []


async def test_a_long_name_is_cut_and_leaves_the_columns_their_room(
    chromium: "Browser", redis: Redis, redis_url: str
) -> None:
    shop = Seeded(1, 0, name="W" * 500)
    await seed_shops(redis, [shop])
    async with gateway(redis_url) as running, viewer(chromium, running) as seen:
        for path, tag in (("?state=all", "tr"), (f"shops/{shop.shop_id}", "h1"), ("authorizations", "tr")):
            await seen.open(path)
            shown = seen.page.locator(tag, has_text="WWW").first
            box = await shown.bounding_box()
            assert box is not None
            assert box["height"] < 150, path
            assert await seen.page.locator(".cut").first.get_attribute("title") == shop.name
            assert await seen.page.evaluate(
                "[...document.querySelectorAll('.scroll')].every(one => one.scrollWidth <= one.clientWidth)"
            ), path
        await seen.check()
