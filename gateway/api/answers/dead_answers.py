"""Show dead letters by page, and requeue them."""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.api.wire.call_bodies import DeadQuery, NoQuery, RequeueBody
from gateway.api.wire.calls import ApiCall
from gateway.api.wire.problems import INVALID_BODY, INVALID_PARAMETER, Problem
from shopstream import Event, InvalidArgument, InvalidEntry
from shopstream.dead.letters import DeadLetters, Which
from shopstream.dead.places import read_name
from shopstream.events import parse
from shopstream.ids import show
from shopstream.redis.keys import Partition

_SEARCH_MOST: Final = 5_000
"""Entries that a page with a filter searches at most, about 10 ms of Redis's time."""
_READ: Final = 500


class DeadAnswer(msgspec.Struct):
    """A page of the dead letters. A letter is its event's data with `entry`, its name, and `causation_id`.

    `next` is the cursor of the next page; null on the last one. A page with a filter may have few letters or none and
    a `next` all the same, since the search of a page is bounded.
    """

    letters: list[dict[str, object]]
    next: str | None


class RequeueAnswer(msgspec.Struct):
    """The number of requeued letters, and for each refused one the reason, by name."""

    requeued: int
    refused: Mapping[str, str]


async def list_dead(call: ApiCall[None, DeadQuery]) -> DeadAnswer:
    """List the dead letters by page.

    Raises:
        Problem: the cursor is none.
    """
    query, letters = call.query, await call.door.client.open_dead_letters()
    partitions = await call.door.partitions.count()
    number, position, found, searched = 0, "-", list[dict[str, object]](), 0
    if query.cursor:
        if (after := read_name(query.cursor)) is None:
            raise Problem(INVALID_PARAMETER, f"{show(query.cursor)} is not a cursor: the page before gives it as next")
        number, position = after[0] or 0, f"({after[1]}"
    while number < partitions:
        stream = Partition(number).stream("dead")
        page = await call.door.redis.xrange(stream, position, "+", count=_READ)
        for raw_id, fields in page:
            entry_id, searched = raw_id.decode(), searched + 1
            position = f"({entry_id}"
            if letter := _match(query, stream, entry_id, fields):
                found.append(_document(letters, letter))
            if len(found) == query.limit or searched == _SEARCH_MOST:
                return DeadAnswer(found, entry_id if partitions == 1 else f"{number}/{entry_id}")
        if not page:
            number, position = number + 1, "-"
    return DeadAnswer(found, None)


def _match(query: DeadQuery, stream: str, entry_id: str, fields: Mapping[bytes, bytes]) -> Event | None:
    if query.shop_id is not None and fields.get(b"shopid") != query.shop_id.encode():
        return None
    try:
        letter = parse(stream, entry_id, fields)
    except InvalidEntry:
        return None  # another program wrote it
    fits = query.error_class is None or letter.data.get("error_class") == query.error_class
    return letter if fits else None


def _document(letters: DeadLetters, letter: Event) -> dict[str, object]:
    return {**letter.data, "entry": letters.name(letter), "causation_id": letter.causation_id, "time": letter.time}


async def requeue_dead(call: ApiCall[RequeueBody, NoQuery]) -> RequeueAnswer:
    """Requeue dead letters.

    Raises:
        Problem: the body does not choose letters in one way.
        NoSuchLetter: one of those named is not there.
    """
    body = call.body
    try:
        which = Which(tuple(body.entries), body.shop_id, body.error_class, everything=body.everything)
    except InvalidArgument:
        text = "Say which letters: entries, or a shop_id, an error_class or both, or everything."
        raise Problem(INVALID_BODY, text) from None
    done = await (await call.door.client.open_dead_letters()).requeue(which)
    return RequeueAnswer(done.done, done.refused)
