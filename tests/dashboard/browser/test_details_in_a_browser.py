"""The pages of a shop and of the system in Chromium: no fault, no script of strangers, no other host, no JavaScript."""

import re
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis

from tests.dashboard import planting
from tests.dashboard.browser.viewer import expect, viewer
from tests.dashboard.safety.test_hostile_details import HOSTILE, plant_hostile
from tests.dashboard.seeding import seed, seed_shops
from tests.dashboard.test_system_pages import newest_letter
from tests.gateway.running import gateway

if TYPE_CHECKING:
    from playwright.async_api import Browser


async def test_no_page_has_a_fault(chromium: "Browser", redis: Redis, redis_url: str) -> None:
    late = await planting.plant_system(redis, await seed(redis, 100))
    paths = [
        f"shops/{late.shop_id}", f"shops/{late.shop_id}?sku={planting.SKU}", f"shops/{late.shop_id}?sku=x", "streams",
        "streams/given-up?stream=stock&group=warehouse-eu", "dead", "dead?class=unreadable",
        f"dead/letter?name={await newest_letter(redis)}", "workers", "authorizations", "audit", "search?q=e",
        f"search?q={planting.CAUSE}",
    ]  # fmt: skip
    async with gateway(redis_url) as running, viewer(chromium, running) as seen:
        for path in paths:
            await seen.open(path)
            await expect(seen.page.locator("main")).to_be_visible()
            assert await seen.find_faults_anywhere() == [], path
        await seen.open("authorizations")
        await seen.page.get_by_role("button", name="Make invite").click()
        await expect(seen.page.locator("h1")).to_contain_text("invite")
        assert await seen.find_faults_anywhere() == []
        await seen.page.get_by_role("button", name="Make invite").click()
        await expect(seen.page.locator("pre")).to_contain_text("/connect/")
        assert await seen.find_faults_anywhere() == []
        await seen.check()


async def test_all_works_without_a_script(chromium: "Browser", redis: Redis, redis_url: str) -> None:
    late = await planting.plant_system(redis, await seed(redis, 100))
    more: dict[str, Any] = {"java_script_enabled": False}
    async with gateway(redis_url) as running, viewer(chromium, running, **more) as seen:
        page = seen.page
        await page.fill(".search input", late.shop_id)
        await page.press(".search input", "Enter")
        await page.wait_for_url(re.compile(f"/shops/{late.shop_id}$"))
        await page.fill("#sku", planting.SKU)
        await page.get_by_role("button", name="Explain").click()
        await expect(page.locator("#story-title")).to_contain_text("Why does warehouse-eu show 3?")
        await page.get_by_role("button", name="Retry").click()
        await page.get_by_role("button", name="Retry").click()
        await expect(page.get_by_role("status")).to_contain_text("Done: retry shop")
        await page.fill("#set-interval", "1800")
        await page.get_by_role("button", name="Change settings").click()
        await expect(page.locator("h1")).to_contain_text("Change interval to 1800 for")
        await page.get_by_role("button", name="Change").click()
        await expect(page.locator("#set-interval")).to_have_value("1800")
        await page.get_by_role("link", name="Dead letters", exact=False).first.click()
        await page.get_by_role("link", name="not_this_shop").click()
        await page.get_by_label("Choose", exact=False).first.check()
        await page.get_by_role("button", name="Drop").click()
        await expect(page.locator("h1")).to_contain_text("Drop 1 dead letter?")
        await page.get_by_role("button", name="Drop").click()
        await expect(page.get_by_role("status")).to_contain_text("Done: drop dead letters")
        await expect(page.locator("tbody tr")).to_have_count(2)
        await page.get_by_role("link", name="Streams").click()
        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("button", name="Delete group").click()
        await expect(page.get_by_role("status")).to_contain_text("Done: delete group warehouse-eu of stock, 1")
        await seen.check()


async def test_texts_of_strangers_run_nothing(chromium: "Browser", redis: Redis, redis_url: str) -> None:
    shops = await plant_hostile(redis, HOSTILE)
    paths = [path for shop in shops[:4] for path in (f"shops/{shop.shop_id}", f"dead?shop={shop.shop_id}")]
    async with gateway(redis_url) as running, viewer(chromium, running, width=390) as seen:
        seen.page.on("dialog", lambda dialog: seen.errors.append(dialog.message))
        for path in (*paths, "streams", "dead", "workers", "authorizations", "search?q=script"):
            await seen.open(path)
            assert await seen.page.locator("script").count() == 2, path
            assert await seen.page.locator("main img, main iframe, main style").count() == 0, path
            assert not await seen.is_too_wide(), path
        await seen.check()


async def test_a_shops_page_is_live_until_a_sku_is_asked_for(chromium: "Browser", redis: Redis, redis_url: str) -> None:
    late = await planting.plant_system(redis, await seed(redis, 100))
    async with gateway(redis_url) as running, viewer(chromium, running) as seen:
        await seen.open(f"shops/{late.shop_id}")
        await expect(seen.page.locator("#live")).to_have_attribute("data-state", "live")
        await expect(seen.page.locator("#head")).to_contain_text("22,480")
        late.waiting = 17
        await seed_shops(redis, [late])
        await expect(seen.page.locator("#head")).to_contain_text("Waiting17")
        await seen.open(f"shops/{late.shop_id}?sku={planting.SKU}")
        await expect(seen.page.locator("#live")).to_have_count(0)
        await seen.check()
