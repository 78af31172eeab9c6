"""Print explanations of SKUs and products, and write the words that both share: times, reasons, places in line."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from shopstream.cli.terminal import say
from shopstream.durations import write_duration
from shopstream.events import Event
from shopstream.redis.keys import AGAIN, SKU
from shopstream.registry.shop import Shop
from shopstream.state.product_facts import Pause, View, Waiting

Fact: TypeAlias = tuple[str, str]
"""Label and text."""
_VIEWS: Final = {
    "detail": "by its product's detail",
    "products_search": "on a page of the shop's products",
    "inventory_search": "by an inventory search",
    None: "",
}
_SYNCS: Final = {"delta": "incremental", "full": "full", "poll": "stock"}
_SPECIAL: Final = {AGAIN: "since it sells fast", SKU: "for this SKU alone"}


def print_explanation(
    facts: Iterable[Fact], changes: Iterable[str], search: str, standings: Mapping[str, str], stream: str
) -> None:
    """Print an explanation as lines for people.

    Args:
        facts: label and text of each fact.
        changes: a line for each change, newest first.
        search: the sentence on the search for them.
        standings: consumer group → its standing.
        stream: the stream of the changes.
    """
    for fact in facts:
        print_fact(fact)
    lines = list(changes)
    for line in lines:
        say(line)
    say(search, "dim")
    for group, standing in standings.items():
        say(f"{group}: {standing}")
    if lines and not standings:
        say(f"no consumer group reads the {stream} stream")


def print_fact(fact: Fact) -> None:
    """Print one fact as a line."""
    label, text = fact
    say(f"{label:<11}{text}")


def write_entry(event: Event) -> dict[str, object]:
    """Write an event as JSON documents show it: its `data`, with the entry's id and the cause, which `data` lacks."""
    return dict(event.data) | {"entry_id": event.entry_id, "causation_id": event.causation_id}


def explain_halt(shop: Shop) -> Iterator[Fact]:
    """Say why nothing is fetched of a shop; nothing of an active one."""
    if shop.status != "active":
        yield "shop", f"{shop.status} ({shop.reason or 'no reason given'}): nothing is fetched until it is active"


def explain_pause(paused: Pause, shop: str) -> Fact:
    """Say which pause keeps a shop from being fetched: a paused id would seem to be due at once."""
    which, name = ("all shops", "") if paused == "all" else ("this shop", f" {shop}")
    return "paused", f"{which}, so nothing is fetched; go on with: shopstream resume{name}"


def explain_look(seen_at: str | None, view: View | None, now: str) -> Iterator[Fact]:
    """Say when and by which call something was looked at last; `now` is RFC 3339."""
    if seen_at:
        yield "last seen", f"{write_ago(seen_at, now)} {_VIEWS[view]}, changed or not"


def explain_change(changes: Sequence[Event], now: str) -> Iterator[Fact]:
    """Say when the latest change was and its reason; the latest stands first."""
    for last in changes[:1]:
        request = f", TikTok's request {last.data['request_id']}" if last.data.get("request_id") else ""
        yield "changed", write_ago(last.time, now)
        yield "why", f"{write_reason(last.origin, last.causation_id)}{request}"


def explain_waiting(waiting: Sequence[Waiting], now: str) -> Iterator[Fact]:
    """Say where something stands in line."""
    for one in waiting:
        yield "waiting", _describe_waiting(one, now)
    if not waiting:
        yield "waiting", "not queued, not being fetched"


def explain_syncs(next_walks: Mapping[str, str], now: str) -> Iterator[Fact]:
    """Say when the next syncs of the shop are due."""
    planned = (f"{_SYNCS[walk]} {_write_until(moment, now)}" for walk, moment in next_walks.items())
    yield "syncs", ", ".join(planned) or "no sync is planned: see `shopstream settings`"


def _describe_waiting(one: Waiting, now: str) -> str:
    """Say where something stands in line, from when on and why; `now` is RFC 3339."""
    special = next((f", {words}" for prefix, words in _SPECIAL.items() if one.id.startswith(prefix)), "")
    where = "in a worker's hand now" if one.in_hand else "in the backlog"
    when = "" if one.in_hand else f", due {_write_until(one.due, now)}" if one.due else ", due at once"
    why = f" ({write_reason(one.origin, one.cause)})" if one.origin or one.cause else ""
    tries = f", {one.tries} tries failed" if one.tries else ""
    return f"{where} of {one.kind}{special}{when}{why}{tries}"


def write_reason(origin: str | None, cause: str | None) -> str:
    """Say why something was looked at."""
    return " by ".join(filter(None, (origin, cause)))


def write_number(units: int | None) -> str:
    """Write units, which may be unknown."""
    return "unknown" if units is None else str(units)


def write_ago(moment: str, now: str) -> str:
    """Write a past moment and how long ago it was; both are RFC 3339."""
    return f"{moment} ({write_duration(_seconds(moment, now))} ago)"


def _write_until(moment: str, now: str) -> str:
    """Write how far away a moment is; both are RFC 3339."""
    seconds = _seconds(now, moment)
    return f"in {write_duration(seconds)}" if seconds > 0 else "now"


def _seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
