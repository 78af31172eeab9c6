"""Store the outcome of calls that concerns all ids of a shop as its standing, and publish each change once."""

from typing import Final

from msgspec import structs

from jobs.shops.shop_access import begin_again, cause_of, tell, tell_authorized
from shopstream import events
from shopstream.redis import clock
from shopstream.registry.shop import Shop, Status
from shopstream.registry.shop_of_apps import DEFAULT_APP, ShopOfApps, app_of, put_working_first, view_by
from worker.marketplace.call_errors import CallError
from worker.runtime import Runtime
from worker.shops import standing
from worker.shops.standing import Notice, ShopRecord
from worker.tokens.authorizations import ReauthorizationRequired, RefreshUnavailable, TokenError

_EVENT: Final = {
    "reauthorization_required": events.SHOP_REAUTHORIZATION_REQUIRED,
    "deauthorized": events.SHOP_DEAUTHORIZED,
}
_LOGGED: Final = {
    "reauthorization_required": "shop_reauthorization_required",
    "deauthorized": "shop_deauthorized",
}


async def report_failure(runtime: Runtime, entry: Shop, endpoint: str, error: CallError | TokenError) -> int:
    """Store a trouble of a shop's endpoint, and publish it if consumers must know.

    Returns:
        The moment of the next try, in ms on Redis's clock.
    """
    refused = error.error if isinstance(error, RefreshUnavailable) and error.error else error
    runtime.refusals.note(app_of(entry), refused)
    now_ms = await clock.read_ms(runtime.redis, runtime.partition(entry.shop_id))
    again_ms = 0

    def decide(record: ShopRecord) -> tuple[ShopRecord, Notice | None]:
        nonlocal again_ms
        after, notice = standing.judge(standing.note_failure(record.standing, endpoint, refused, now_ms), now_ms)
        again_ms = after.troubles[endpoint].not_before_ms
        return structs.replace(record, standing=after), notice

    cause = await cause_of(runtime, entry, f"standing-{entry.shop_id}")
    notice = await runtime.publisher.tell_shop(runtime.target(entry.shop_id, entry), cause, decide)
    runtime.log.error(
        "shop_degraded" if notice else "shop_still_degraded",
        shop=entry.shop_id, endpoint=endpoint, error=standing.class_of(refused), reason=str(refused),
    )  # fmt: skip
    return max(again_ms, now_ms + int(1000 * error.seconds)) if isinstance(error, RefreshUnavailable) else again_ms


async def report_success(runtime: Runtime, entry: Shop, endpoint: str) -> None:
    """End the trouble of a shop's endpoint, and publish the recovery if the trouble had been published."""
    now_ms = await clock.read_ms(runtime.redis, runtime.partition(entry.shop_id))

    def decide(record: ShopRecord) -> tuple[ShopRecord, Notice | None]:
        after, notice = standing.judge(standing.note_success(record.standing, endpoint), now_ms)
        return structs.replace(record, standing=after), notice

    cause = await cause_of(runtime, entry, f"standing-{entry.shop_id}")
    notice = await runtime.publisher.tell_shop(runtime.target(entry.shop_id, entry), cause, decide)
    if notice:
        runtime.log.info("shop_recovered", shop=entry.shop_id)


async def forget_pauses(runtime: Runtime, entry: Shop) -> None:
    """End the pauses of a shop's endpoints in trouble, so that they are called again at once."""

    def decide(record: ShopRecord) -> tuple[ShopRecord, Notice | None]:
        return structs.replace(record, standing=standing.without_pauses(record.standing)), None

    cause = await cause_of(runtime, entry, f"standing-{entry.shop_id}")
    await runtime.publisher.tell_shop(runtime.target(entry.shop_id, entry), cause, decide)


async def park(runtime: Runtime, entry: Shop, reason: str, status: Status = "reauthorization_required") -> None:
    """Park a shop until its seller consents again, publish that once, and leave its backlog as it is.

    A shop with a consent to another app that works goes on by that one: then it is only logged. Nothing happens if the
    seller has consented again since `entry` was read.

    Args:
        runtime: the worker's parts.
        entry: the registry's entry of the shop, as read before its consent was refused.
        reason: one line for the event.
        status: `reauthorization_required` if the consent has ended, `deauthorized` if it no longer covers the shop.
    """
    if status == "reauthorization_required" and await _is_active(runtime, entry.authorization):
        return  # a new consent has been stored since, and its shops are being listed
    since = clock.write_seconds(await clock.read_s(runtime.redis, runtime.partition(entry.shop_id)))

    def end(present: ShopOfApps) -> ShopOfApps | None:
        view = view_by(present, entry.authorization)
        if view is None or view.status != "active" or view.since != entry.since:
            return None
        return put_working_first(view.standing_as(status, reason, since), "")

    if not (parked := await runtime.registry.change(runtime.partition(entry.shop_id), entry.shop_id, end)):
        return
    await runtime.redis.hdel(runtime.partition(entry.authorization).token_ends, entry.authorization)  # type: ignore[misc]
    if parked.status == "active":
        runtime.log.error("app_lost_consent", shop=entry.shop_id, app=app_of(entry) or DEFAULT_APP, reason=reason,
                          effect="the shop goes on through its other apps")  # fmt: skip
        return
    await tell(runtime, parked, _EVENT[status], {"reason": reason, "since": since}, "token")
    runtime.log.error(_LOGGED[status], shop=entry.shop_id, reason=reason)


async def activate(runtime: Runtime, shop_id: str, authorization: str) -> bool:
    """Have a parked consent of a shop, whose authorization is valid, used again. Return True if it was parked.

    It is published if the shop itself was parked: consumers have read that nothing comes any more.
    """
    now = await clock.read_s(runtime.redis, runtime.partition(shop_id))
    was_parked = False

    def begin(present: ShopOfApps) -> ShopOfApps | None:
        nonlocal was_parked
        was_parked = present.status != "active"
        view = view_by(present, authorization)
        if view is None or view.status == "active":
            return None
        active = view.standing_as("active", None, clock.write_seconds(now))
        # An app that works keeps its place before another one that works again.
        return put_working_first(active, present.authorization)

    if (begun := await runtime.registry.change(runtime.partition(shop_id), shop_id, begin)) is None:
        return False
    await begin_again(runtime, shop_id, now)
    if was_parked:
        await tell_authorized(runtime, begun, f"list-{authorization}")
    return True


async def _is_active(runtime: Runtime, authorization: str) -> bool:
    try:
        await runtime.tokens.load(authorization, anew=True)
    except ReauthorizationRequired:
        return False
    except TokenError:
        return False
    return True
