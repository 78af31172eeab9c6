"""Take changes of a shop: sync everything, pause, resume, retry, settings."""

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.api.wire.problems import INVALID_PARAMETER, Problem
from gateway.dashboard.shell.change_forms import Form, Plan
from gateway.dashboard.shell.visits import Visit
from gateway.dashboard.shop.setting_rows import read_changes
from gateway.dashboard.shop.shop_page import find_shop
from shopstream.glance.wording import write_plural

Change = tuple[str, Callable[[Visit, Form], Awaitable[Plan]], Callable[[Visit, Form], Awaitable[int]]]
"""The path of a change, the plan that its confirmation shows, and the act."""


async def _plan(visit: Visit, act: str, question: str, button: str) -> Plan:
    """Plan a change of the shop of the URL. The question has its name and products at `{name}` and `{products}`."""
    glance = (await find_shop(visit)).glance
    products = write_plural(glance.products, "product")
    return Plan(
        act=act,
        subject=f"shop {glance.shop_id}",
        affected=glance.products,
        question=question.replace("{products}", products).replace("{name}", glance.title),
        button=button,
        back=f"shops/{glance.shop_id}",
    )


async def _plan_sync(visit: Visit, _: Form) -> Plan:
    question = "Sync everything of {name}? Its {products} are read anew, beside what waits."
    return await _plan(visit, "sync everything of", question, "Sync everything")


async def _sync(visit: Visit, _: Form) -> int:
    glance = (await find_shop(visit)).glance
    await visit.door.client.sync_shop(glance.shop_id, full=True)
    return glance.products


async def _plan_pause(visit: Visit, _: Form) -> Plan:
    question = "Pause {name}? Its {products} are not looked at until somebody resumes it. Requests wait."
    return await _plan(visit, "pause", question, "Pause")


async def _pause(visit: Visit, _: Form) -> int:
    glance = (await find_shop(visit)).glance
    await visit.door.client.pause(glance.shop_id)
    return glance.products


async def _plan_resume(visit: Visit, _: Form) -> Plan:
    question = "Resume {name}? Requests and syncs of its {products} that came due begin at once."
    return await _plan(visit, "resume", question, "Resume")


async def _resume(visit: Visit, _: Form) -> int:
    glance = (await find_shop(visit)).glance
    await visit.door.client.resume(glance.shop_id)
    return glance.products


async def _plan_retry(visit: Visit, _: Form) -> Plan:
    return await _plan(
        visit, "retry", "Try {name} once more? A call tells if its {products} can be read again.", "Retry"
    )


async def _retry(visit: Visit, _: Form) -> int:
    shop = await find_shop(visit)
    await visit.door.client.retry_shops(shop.glance.shop_id)
    return shop.glance.products


async def _plan_settings(visit: Visit, form: Form) -> Plan:
    glance = (await find_shop(visit)).glance
    changes = read_changes(form, await visit.door.client.load_settings(glance.shop_id))
    if not changes:
        raise Problem(INVALID_PARAMETER, "No setting is another one than before.")
    listed = ", ".join(f"{name} to {str(value).lower()}" for name, value in changes.items())
    return Plan(
        act=f"set {listed} of",
        subject=f"shop {glance.shop_id}",
        affected=glance.products,
        question=f"Change {listed} for {glance.title} with its {write_plural(glance.products, 'product')}?",
        button="Change",
        back=f"shops/{glance.shop_id}",
    )


async def _set(visit: Visit, form: Form) -> int:
    glance = (await find_shop(visit)).glance
    changes = read_changes(form, await visit.door.client.load_settings(glance.shop_id))
    if changes:  # another operator may have made the same change meanwhile
        await visit.door.client.change_settings(glance.shop_id, **changes)
    return glance.products


SHOP_CHANGES: Final[tuple[Change, ...]] = (
    ("/shops/{shop}/sync", _plan_sync, _sync),
    ("/shops/{shop}/pause", _plan_pause, _pause),
    ("/shops/{shop}/resume", _plan_resume, _resume),
    ("/shops/{shop}/retry", _plan_retry, _retry),
    ("/shops/{shop}/settings", _plan_settings, _set),
)
