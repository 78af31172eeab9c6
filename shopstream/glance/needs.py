"""List all that needs a person, worst first: each with its size, its begin, its cost in products, and one action."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from shopstream.consume.groups.group_list import ConsumerGroup
from shopstream.doctor.worker_reports import check_authorizations, check_clocks, check_refused
from shopstream.glance.delays import STOPPED, name_stop
from shopstream.glance.overview import Overview, ShopList, ShopOverview
from shopstream.glance.phrases import parse_ms, write_day, write_length, write_when
from shopstream.glance.shop_facts import ACTIVE
from shopstream.glance.situation import Situation
from shopstream.glance.system_state import WebhookTraffic
from shopstream.glance.wording import write_number, write_plural
from shopstream.registry.workers import WorkerSeen

CONSENT_SECONDS: Final = 14 * 86_400
"""Seconds before the end of a consent from which it needs a look."""
BEHIND_SECONDS: Final = 300
"""Seconds that a group may be behind."""
UNREAD_SECONDS: Final = 30
"""Seconds that entries may wait for a group without a living member."""
SILENT_SECONDS: Final = 3_600
"""Seconds without a webhook that need a look, where there are more than WEBHOOKS_A_DAY."""
WEBHOOKS_A_DAY: Final = 20
MEMORY_SHARE: Final = 0.8
"""Share of Redis's memory from which it needs a look. Claiming stops at 85 %."""
_CLASSES_SHOWN: Final = 3
_MESSAGE_MOST: Final = 160
_CONSENT_GONE: Final = frozenset({"reauthorization_required", "deauthorized"})


class Need(NamedTuple):
    """One thing that needs a person.

    Attributes:
        name: names it for programs and tests: `stopped:REASON`, `group:STREAM:NAME`, `dead`, …
        level: `stop` if something stands still because of it, else `warn`.
        title: the thing itself, with its number.
        detail: since when, and the cost.
        page: the path of the page that shows its cause.
        action: the words on the link to it.
        products: known products that nobody looks at because of it.
        since_ms: its begin, in ms of Redis's clock; None if that is not known.
    """

    name: str
    level: Literal["stop", "warn"]
    title: str
    detail: str
    page: str
    action: str
    products: int = 0
    since_ms: int | None = None


def list_needs(situation: Situation) -> list[Need]:
    """List the needs: those that stop something first, and among them those of most products."""
    found = [
        *_find_missing_workers(situation),
        *_find_reports(situation.workers or ()),
        *_find_memory(situation),
        *_find_pause(situation.overview),
        *_find_stops(situation.overview),
        *_find_groups(situation.groups, situation.overview.now_ms),
        *_find_silence(situation.webhooks, situation.overview.now_ms),
        *_find_letters(situation.dead_last_hour),
        *_find_held(situation.held_consents),
        *_find_ends(situation.overview),
    ]
    ranks = {"stop": 0, "warn": 1}
    return sorted(found, key=lambda need: (ranks[need.level], -need.products))


def count_shops_in_need(overview: Overview) -> int:
    """Count the shops that need a person: the stopped ones. Throttled and late ones mend themselves."""
    return overview.states["stopped"]


def list_ending_consents(overview: Overview) -> ShopList:
    """List the active shops whose consent ends within 14 days, the first end first."""
    latest = overview.now_ms / 1000 + CONSENT_SECONDS
    ending = [one for one in overview.shops.judged if 0 < one.consent_ends < latest and one.facts.flags & ACTIVE]
    return ShopList(sorted(ending, key=lambda one: one.consent_ends))


def _find_missing_workers(situation: Situation) -> Iterator[Need]:
    if situation.workers is not None and not situation.workers:
        products = sum(one.facts.products for one in situation.overview.shops.judged)
        detail = f"Nothing is fetched; {write_plural(products, 'product')} not looked at"
        yield Need(
            name="workers", level="stop", title="No worker runs", detail=detail, page="/workers", action="Workers",
            products=products + 1,
        )  # fmt: skip


def _find_reports(workers: Sequence[WorkerSeen]) -> Iterator[Need]:
    """Find the faults that workers report of themselves, in the words of `shopstream doctor`."""
    for one in (*check_authorizations(workers), *check_clocks(workers), *check_refused(workers)):
        if one.grade != "ok":
            level: Literal["stop", "warn"] = "stop" if one.grade == "bad" else "warn"
            title = f"{one.text[:1].upper()}{one.text[1:]}"
            yield Need(name=one.name, level=level, title=title, detail=one.remedy, page="/workers", action="Workers")


def _find_memory(situation: Situation) -> Iterator[Need]:
    if situation.memory_share is not None and situation.memory_share >= MEMORY_SHARE:
        title = f"Redis's memory is {situation.memory_share:.0%} full"
        yield Need(
            name="memory", level="warn", title=title, detail="Nothing is claimed above 85 %", page="/streams",
            action="Streams",
        )  # fmt: skip


def _find_pause(overview: Overview) -> Iterator[Need]:
    if overview.paused:
        title = (
            f"All {write_plural(len(overview.shops), 'shop')} are paused"
            if len(overview.shops) != 1
            else "All is paused"
        )
        detail = "An operator paused them; `shopstream resume` ends it"
        yield Need(
            name="paused",
            level="warn",
            title=title,
            detail=detail,
            page="/?state=paused",
            action="List",
        )


def _find_stops(overview: Overview) -> Iterator[Need]:
    by_reason: defaultdict[str, list[ShopOverview]] = defaultdict(list)
    for shop in overview.list_shops("stopped"):
        by_reason[name_stop(shop)].append(shop)
    for reason, shops in by_reason.items():
        products = sum(shop.glance.products for shop in shops)
        moments = [moment for shop in shops if (moment := find_stop_ms(shop)) is not None]
        first = min(moments, default=None)
        parts = [f"{write_plural(products, 'product')} not looked at"]
        if first is not None:
            parts.append(f"the longest for {write_length((overview.now_ms - first) / 1000)}")
        if message := _find_message(shops, reason):
            parts.append(message)
        yield Need(
            name=f"stopped:{reason}",
            level="stop",
            title=_write_stop(reason, len(shops)),
            detail=", ".join(parts),
            page="/authorizations" if reason in _CONSENT_GONE else _find_page(shops),
            action="Consent links" if reason in _CONSENT_GONE else "Look",
            products=products,
            since_ms=first,
        )


def find_stop_ms(shop: ShopOverview) -> int | None:
    """Find the moment, in ms of Redis's clock, since which a stopped shop is stopped; None if that is not known."""
    if shop.glance.entry["status"] != "active":
        return parse_ms(shop.glance.entry.get("since") or "")
    return min((one.since_ms for one in shop.glance.failures if one.error_class == name_stop(shop)), default=None)


def _find_page(shops: Sequence[ShopOverview]) -> str:
    """Choose the page of the only shop, or the list of all stopped ones."""
    return f"/shops/{shops[0].glance.shop_id}" if len(shops) == 1 else "/?state=stopped"


def _write_stop(reason: str, shops: int) -> str:
    if reason == "reauthorization_required":
        return f"{write_plural(shops, 'shop')} must be authorized again"
    if reason == "deauthorized":
        return f"{write_plural(shops, 'shop')} withdrew the consent"
    return f"{write_plural(shops, 'shop')} stopped: {STOPPED.get(reason, reason)}"


def _find_message(shops: Iterable[ShopOverview], reason: str) -> str:
    """Find the first message of TikTok's about this reason, shortened."""
    messages = (one.message for shop in shops for one in shop.glance.failures if one.error_class == reason)
    message = next(messages, "")
    return message if len(message) <= _MESSAGE_MOST else f"{message[:_MESSAGE_MOST]}…"


def _find_groups(groups: Iterable[ConsumerGroup], now_ms: int) -> Iterator[Need]:
    for group in groups:
        patience = BEHIND_SECONDS if group.members else UNREAD_SECONDS
        if group.oldest_unread_ms is None or now_ms - group.oldest_unread_ms < 1000 * patience:
            continue
        behind = write_length((now_ms - group.oldest_unread_ms) / 1000)
        readers = "no member is alive" if not group.members else f"{write_plural(group.members, 'member')} read"
        lost = f"; {write_number(group.lost)} lost" if group.lost else ""
        yield Need(
            name=f"group:{group.stream}:{group.group}",
            level="warn",
            title=f"Group {group.group} is {behind} behind on {group.stream}",
            detail=f"{write_number(group.unread)} unread; {readers}{lost}",
            page="/streams",
            action="Open group",
            since_ms=group.oldest_unread_ms,
        )


def _find_silence(webhooks: WebhookTraffic, now_ms: int) -> Iterator[Need]:
    if webhooks.newest_ms is None or webhooks.last_day <= WEBHOOKS_A_DAY:
        return  # there are too few to miss one
    if now_ms - webhooks.newest_ms > 1000 * SILENT_SECONDS:
        yield Need(
            name="webhooks",
            level="warn",
            title=f"No webhook for {write_length((now_ms - webhooks.newest_ms) / 1000)}",
            detail=f"{write_number(webhooks.last_day)} came within 24 h; sales are seen by polls alone",
            page="/workers",
            action="Look",
            since_ms=webhooks.newest_ms,
        )


def _find_letters(by_class: Mapping[str, int]) -> Iterator[Need]:
    if total := sum(by_class.values()):
        ranked = sorted(by_class.items(), key=lambda one: (-one[1], one[0]))
        listed = ", ".join(f"{write_number(number)} {name}" for name, number in ranked[:_CLASSES_SHOWN])
        more = f" and {len(ranked) - _CLASSES_SHOWN} more classes" if len(ranked) > _CLASSES_SHOWN else ""
        title = f"{write_plural(total, 'dead letter')} in the last hour"
        yield Need(
            name="dead",
            level="warn",
            title=title,
            detail=f"{listed}{more}",
            page="/dead",
            action="Look, requeue",
        )


def _find_held(number: int) -> Iterator[Need]:
    if number:
        title = f"{write_plural(number, 'consent')} {'waits' if number == 1 else 'wait'} for an operator's yes"
        yield Need(
            name="held",
            level="warn",
            title=title,
            detail="Each is held for 25 minutes",
            page="/authorizations",
            action="Accept",
        )


def _find_ends(overview: Overview) -> Iterator[Need]:
    if ending := list_ending_consents(overview):
        first_ms = 1000 * ending[0].glance.entry["refresh_expires_at"]
        title = f"{write_plural(len(ending), 'consent')} {'ends' if len(ending) == 1 else 'end'} within 14 days"
        left = write_length((first_ms - overview.now_ms) / 1000)
        detail = f"the first on {write_day(first_ms)}: {left}" if first_ms > overview.now_ms else (
            f"the first ended {write_when(first_ms, overview.now_ms)}"
        )  # fmt: skip
        yield Need(
            name="consents",
            level="warn",
            title=title,
            detail=detail,
            page="/authorizations",
            action="List",
        )
