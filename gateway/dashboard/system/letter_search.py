"""Find dead letters by class, shop or name, page by page. A search is bounded however many there are."""

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from gateway.dashboard.shell.visits import Visit
from shopstream.dead.places import read_name
from shopstream.events import Event, InvalidEntry, parse
from shopstream.redis.keys import Partition

AT_ONCE: Final = 1_000
"""Letters that one change affects at most."""
SEARCHED: Final = 20_000
"""Entries that a search looks through at most."""
_READ: Final = 500


class LetterFilter(NamedTuple):
    """A choice of letters: of a class of error and of a shop; "" for all."""

    error_class: str
    shop: str

    def fits(self, letter: Event) -> bool:
        """Tell whether a letter is one of the choice."""
        if self.error_class and letter.data.get("error_class", "other") != self.error_class:
            return False
        return not self.shop or letter.shop_id == self.shop


class FoundLetter(NamedTuple):
    """A letter and its name."""

    name: str
    letter: Event


async def search_letters(
    visit: Visit, wanted: LetterFilter, most: int, after: str = ""
) -> tuple[list[FoundLetter], str]:
    """Find letters, oldest first by partition.

    Args:
        visit: whose page it is.
        wanted: the choice.
        most: the most letters.
        after: the cursor of the page before, `PARTITION/ENTRY`; "" for the first page.

    Returns:
        The letters, and the cursor of the next page: "" on the last one.
    """
    letters = await visit.door.client.open_dead_letters()
    found: list[FoundLetter] = []
    searched = 0
    place = read_name(after)
    begin = (place[0] or 0, f"({place[1]}") if place else (0, "-")
    async for number, letter in _read_from(visit, *begin):
        searched += 1
        if isinstance(letter, Event) and wanted.fits(letter):
            found.append(FoundLetter(letters.name(letter), letter))
        if len(found) == most or searched == SEARCHED:
            entry = letter.entry_id
            return found, f"{number}/{entry}"
    return found, ""


async def _read_from(visit: Visit, number: int, position: str) -> AsyncIterator[tuple[int, Event | InvalidEntry]]:
    """Yield the entries of all partitions from a position on, with the number of the partition."""
    for partition in range(number, await visit.door.partitions.count()):
        stream = Partition(partition).stream("dead")
        while page := await visit.door.redis.xrange(stream, position, "+", count=_READ):
            for raw_id, fields in page:
                entry_id = raw_id.decode()
                position = f"({entry_id}"
                try:
                    yield partition, parse(stream, entry_id, fields)
                except InvalidEntry as invalid:
                    yield partition, invalid
        position = "-"
