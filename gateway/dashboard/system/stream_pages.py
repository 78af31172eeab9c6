"""Show the streams and their consumer groups, delete a group, and show the events that a group gave up."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlencode

from gateway.api.wire.problems import INVALID_PARAMETER, NOT_FOUND, Problem
from gateway.dashboard.facts.stream_forecasts import StreamFill, describe_growth
from gateway.dashboard.shell.change_forms import Form, Plan
from gateway.dashboard.shell.live_pages import LivePage
from gateway.dashboard.shell.templating import Facts
from gateway.dashboard.shell.visits import Visit
from shopstream.consume.groups.group_list import ConsumerGroup
from shopstream.dead.given_up import GivenUp, GroupDead
from shopstream.errors import GroupInUse, UnknownGroup
from shopstream.glance.needs import BEHIND_SECONDS
from shopstream.glance.system_state import StreamSeen
from shopstream.glance.wording import write_plural
from shopstream.redis.keys import STREAMS, Partition

_NEAR: Final = 0.85
"""Share of the cap from which a stream is marked."""
_GIVEN_UP_SHOWN: Final = 100


class StreamLine(NamedTuple):
    """A stream with its fill. `growth` has the forecast in words."""

    seen: StreamSeen
    share: float
    near: bool
    growth: str


class GroupLine(NamedTuple):
    """A group with its age behind, in seconds, and the events that it gave up."""

    seen: ConsumerGroup
    behind: float | None
    late: bool
    given_up: int


async def _read_streams(visit: Visit) -> Facts:
    state = await visit.shell.reader.system()
    given_up = await _count_given_up(visit, state.groups)
    return {
        "streams": [_fill(visit, one, state.now_ms) for one in state.streams],
        "groups": [_show(one, given_up[at], state.now_ms) for at, one in enumerate(state.groups)],
        "now_ms": state.now_ms,
        "cap": visit.door.stream_most,
        "kept_seconds": visit.door.retention_seconds,
        "longest_seconds": visit.door.retention_max_seconds,
    }


def _fill(visit: Visit, seen: StreamSeen, now_ms: int) -> StreamLine:
    fill = StreamFill(
        entries=seen.fullest, cap=visit.door.stream_most, oldest_ms=seen.oldest_ms, hourly=seen.hourly,
        age_seconds=visit.door.find_kept_seconds(seen.stream),
    )  # fmt: skip
    return StreamLine(seen, fill.share, fill.share >= _NEAR, describe_growth(fill, now_ms))


def _show(seen: ConsumerGroup, given_up: int, now_ms: int) -> GroupLine:
    behind = None if seen.oldest_unread_ms is None else max(0.0, (now_ms - seen.oldest_unread_ms) / 1000)
    return GroupLine(seen, behind, behind is not None and behind > BEHIND_SECONDS, given_up)


async def _count_given_up(visit: Visit, groups: Sequence[ConsumerGroup]) -> list[int]:
    """Count the events that each group gave up, over all partitions."""
    partitions = [Partition(number) for number in range(await visit.door.partitions.count())]
    async with visit.door.redis.pipeline(transaction=False) as pipe:
        for one in groups:
            for partition in partitions:
                pipe.xlen(partition.dead_of(one.stream, one.group))
        counts = await pipe.execute() if groups else []
    size = len(partitions)
    return [sum(counts[at * size : (at + 1) * size]) for at in range(len(groups))]


async def _find_group(visit: Visit, form: Form) -> ConsumerGroup:
    """Find the group that a form names.

    Raises:
        Problem: there is none, or it has living members, which would create it again.
    """
    name = (form.get("stream"), form.get("group"))
    groups = (await visit.shell.reader.system(0)).groups
    found = next((one for one in groups if (one.stream, one.group) == name), None)
    if found is None:
        raise Problem(NOT_FOUND, "The stream has no such group.")
    if found.members:
        raise Problem(INVALID_PARAMETER, f"{write_plural(found.members, 'member')} of the group read. End them first.")
    return found


async def _plan_deletion(visit: Visit, form: Form) -> Plan:
    group = await _find_group(visit, form)
    entries = write_plural(group.unread + group.pending, "entry", "entries")
    return Plan(
        act="delete group",
        subject=f"{group.group} of {group.stream}",
        affected=group.unread + group.pending,
        question=f"Delete group {group.group} of {group.stream}? It has not acknowledged {entries}, and never will.",
        button="Delete group",
        back="streams",
    )


async def _delete(visit: Visit, form: Form) -> int:
    group = await _find_group(visit, form)
    try:
        last = await visit.door.client.delete_group(group.stream, group.group)
    except UnknownGroup as error:
        raise Problem(NOT_FOUND, str(error)) from None
    except GroupInUse as error:
        raise Problem(INVALID_PARAMETER, str(error)) from None
    return last.unread + last.pending


async def _open_given_up(visit: Visit, stream: str, group: str) -> GroupDead:
    if stream not in STREAMS or not group:
        raise Problem(NOT_FOUND, "There is no such group.")
    return await visit.door.client.open_group_dead(stream, group)


async def _read_given_up(visit: Visit) -> Facts:
    query = visit.request.query
    stream, group = query.get("stream", ""), query.get("group", "")
    letters: list[GivenUp] = []
    async for letter in (await _open_given_up(visit, stream, group)).all():
        letters.append(letter)
        if len(letters) > _GIVEN_UP_SHOWN:
            break
    return {
        "stream": stream,
        "group": group,
        "letters": letters[:_GIVEN_UP_SHOWN],
        "more": len(letters) > _GIVEN_UP_SHOWN,
    }


async def _plan_drop(visit: Visit, form: Form) -> Plan:
    stream, group, events = form.get("stream"), form.get("group"), 0
    async for _ in (await _open_given_up(visit, stream, group)).all():
        events += 1
    return Plan(
        act="drop given up events of group",
        subject=f"{group} of {stream}",
        affected=events,
        question=f"Drop {write_plural(events, 'event')} that group {group} of {stream} gave up? They go for good.",
        button="Drop",
        back=f"streams/given-up?{urlencode({'stream': stream, 'group': group})}",
    )


async def _drop(visit: Visit, form: Form) -> int:
    return await (await _open_given_up(visit, form.get("stream"), form.get("group"))).drop_all()


STREAM_PAGES: Final = (
    LivePage(
        path="/streams",
        template="system/streams.html",
        section="streams",
        read=_read_streams,
        fragments=("streams", "groups"),
    ),
    LivePage(path="/streams/given-up", template="system/given_up.html", section="streams", read=_read_given_up),
)
STREAM_CHANGES: Final = (
    ("/streams/delete-group", _plan_deletion, _delete),
    ("/streams/drop-given-up", _plan_drop, _drop),
)
