"""Several events at once, for handlers that work in bulk."""

from collections.abc import Iterator, Sequence
from typing import overload

from shopstream.events import Event


class Batch(Sequence[Event]):
    """Events in the order in which they are to be handled; several of one subject may be among them."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = tuple(events)

    async def ack(self) -> None:
        """All of them have been handled; those already acknowledged or nacked one by one stay as they are."""
        for event in self._events:
            await event.ack()

    async def nack(self, delay: float = 0.0) -> None:
        """Have all of them delivered again in `delay` seconds, but those already acknowledged one by one."""
        for event in self._events:
            await event.nack(delay)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        return self._events[index]

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)
