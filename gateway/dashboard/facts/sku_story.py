"""Tell the way of a SKU's newest change from TikTok to each group, as far as its explanation knows it."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from shopstream.events import Event
from shopstream.glance.phrases import parse_ms, write_length
from shopstream.glance.wording import write_plural
from shopstream.redis.streams.entry_ids import place
from shopstream.state.explain import Explanation
from shopstream.state.product_facts import Waiting
from shopstream.state.readers import Reader

Tone = Literal["done", "wait", "late"]
ORIGINS: Final = {
    "initial": "The shop's first load read it",
    "webhook": "TikTok pushed it",
    "delta": "A sync of changes read it",
    "stock_poll": "A sync of stock read it",
    "request": "It was asked for",
    "reconcile": "A full sync read it",
    "repair": "A check of pushed stock corrected it",
}
"""The reason for a look, by the event's origin."""
_VIEWS: Final = {
    "detail": "by its product's detail",
    "products_search": "on a page of the shop's products",
    "inventory_search": "by an inventory search",
}


class StoryStep(NamedTuple):
    """One step on the way of a change.

    Attributes:
        tone: `done`, `wait` for one that is under way, or `late` for one that has not begun.
        when: the time of day of the first step, or the length of time since then; "" if it is not known.
        title: the step.
        detail: more about it; "" without any.
    """

    tone: Tone
    when: str
    title: str
    detail: str


def ask_why(explanation: Explanation) -> str:
    """Write the question that the story answers: about the group that is furthest behind, or about all."""
    group = next((reader for reader in explanation.readers if reader.standing != "acknowledged"), None)
    if group is not None:
        return f"Why does {group.group} show {write_shown(group, explanation)}?"
    newest = explanation.changes[0] if explanation.changes else None
    shown = _write_event(newest) if newest else _write_units(explanation.stock.available if explanation.stock else None)
    return f"Why do all groups show {shown}?" if explanation.readers else f"Why is it {shown}?"


def write_shown(reader: Reader, explanation: Explanation) -> str:
    """Write the number that a group shows by what it has acknowledged."""
    if reader.knows is not None:
        return _write_event(reader.knows)
    oldest = explanation.changes[-1]
    return _write_units(oldest.data.get("previous_available"))


def list_steps(explanation: Explanation) -> list[StoryStep]:
    """List the steps of the newest change, the first one first, and then where the SKU waits now."""
    now_ms = parse_ms(explanation.at) or 0
    steps = list(_list_change(explanation.changes[0], explanation, now_ms)) if explanation.changes else []
    if not steps:
        seen = f"last seen at {explanation.seen_at}" if explanation.seen_at else "never seen"
        steps = [StoryStep("done", "", "No change of it is in the stream any more", seen)]
    if explanation.paused:
        which = "All shops are" if explanation.paused == "all" else "This shop is"
        steps.append(StoryStep("wait", "now", f"{which} paused", "nothing is fetched until somebody resumes it"))
    return [*steps, *(_describe_waiting(one, now_ms) for one in explanation.waiting)]


def _list_change(event: Event, explanation: Explanation, now_ms: int) -> Iterator[StoryStep]:
    data = event.data
    answered_ms, published_ms = parse_ms(event.time) or 0, place(event.entry_id)[0]
    happened_ms = parse_ms(str(data.get("occurred_at") or ""))
    first_ms = happened_ms or answered_ms
    if happened_ms is not None:
        reason = str(data.get("reason") or "").replace("_", " ")
        yield StoryStep("done", _write_first(first_ms), "Changed at TikTok", reason)
    began = ORIGINS.get(event.origin, f"A call for {event.origin} read it")
    yield StoryStep("done", "", began, f"cause {event.causation_id}")
    request = f"request {data['request_id']}" if data.get("request_id") else ""
    when = _write_first(answered_ms) if happened_ms is None else _write_since(answered_ms, first_ms)
    before = parse_ms(str(data.get("previous_observed_at") or ""))
    gap = f"the look before was {write_length((answered_ms - before) / 1000)} earlier" if before is not None else ""
    title = "The push arrived" if event.origin == "webhook" and happened_ms is not None else "TikTok answered"
    yield StoryStep("done", when, title, _join(request, gap))
    speed = data.get("units_per_hour")
    yield StoryStep(
        tone="done",
        when=_write_since(published_ms, first_ms),
        title=f"Published: {_write_step(event)}",
        detail=_join(f"{event.name}, seq {event.seq}", f"{speed:g} units an hour before that" if speed else ""),
    )
    yield from _list_readers(explanation, event, now_ms, first_ms)


def _list_readers(explanation: Explanation, event: Event, now_ms: int, first_ms: int) -> Iterator[StoryStep]:
    done = [reader.group for reader in explanation.readers if reader.standing == "acknowledged"]
    if done:
        yield StoryStep("done", "", f"Read by {_enumerate(done)}", "acknowledged")
    for reader in explanation.readers:
        shown = write_shown(reader, explanation)
        if reader.standing == "in_hand":
            times = write_plural(reader.deliveries, "delivery", "deliveries")
            since = f"for {write_length(reader.idle or 0)}"
            detail = f"{times}, in hand of {reader.consumer} {since}; until then it shows {shown}"
            yield StoryStep("wait", _write_since(now_ms, first_ms), f"Not yet acknowledged by {reader.group}", detail)
        elif reader.standing == "not_read":
            behind = write_length((now_ms - place(event.entry_id)[0]) / 1000)
            yield StoryStep(
                "late", "now", f"Not yet read by {reader.group}", f"{behind} behind: it still shows {shown}"
            )
    if not explanation.readers:
        yield StoryStep("wait", "", "No group reads the stream stock", "")


def _describe_waiting(one: Waiting, now_ms: int) -> StoryStep:
    where = "A worker fetches it now" if one.in_hand else f"It waits in the backlog of {one.kind}"
    due_ms = parse_ms(one.due) if one.due else None
    when = "" if one.in_hand else "due at once" if due_ms is None or due_ms <= now_ms else (
        f"due in {write_length((due_ms - now_ms) / 1000)}"
    )  # fmt: skip
    guard = "since it sells fast" if one.id.startswith("again:") else ""
    reason = " ".join(filter(None, (one.origin, one.cause)))
    tries = f"{write_plural(one.tries, 'try', 'tries')} failed" if one.tries else ""
    return StoryStep("wait", "next", where, _join(when, guard, reason, tries))


def describe_look(explanation: Explanation) -> str:
    """Describe the last look at the SKU, changed or not; "" if none is known."""
    if explanation.seen_at is None:
        return ""
    now_ms, seen_ms = parse_ms(explanation.at) or 0, parse_ms(explanation.seen_at) or 0
    view = _VIEWS.get(explanation.view or "", "")
    return f"last seen {write_length((now_ms - seen_ms) / 1000)} ago {view}".rstrip()


def _write_first(moment_ms: int) -> str:
    seconds, ms = divmod(moment_ms, 1000)
    return f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"


def _write_since(moment_ms: int, first_ms: int) -> str:
    passed = max(0, moment_ms - first_ms)
    return f"+ {passed} ms" if passed < 1_000 else f"+ {write_length(passed / 1000)}"


def _write_step(event: Event) -> str:
    if event.name == "stock.removed":
        previous = event.data.get("previous")
        available = previous.get("available") if isinstance(previous, dict) else None
        return f"{_write_units(available)} → removed"
    step = f"{_write_units(event.data.get('previous_available'))} → {_write_units(event.data.get('available'))}"
    return _join(step, str(event.data.get("transition") or "").replace("_", " "))


def _write_event(event: Event) -> str:
    return "it as removed" if event.name == "stock.removed" else _write_units(event.data.get("available"))


def _write_units(units: object) -> str:
    return "nothing" if units is None else str(units)


def _enumerate(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _join(*parts: str) -> str:
    return _write_list(part for part in parts if part)


def _write_list(parts: Iterable[str]) -> str:
    return ", ".join(parts)
