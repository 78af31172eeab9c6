"""Hand out several events at once, for handlers that work in bulk."""

from collections.abc import Iterator, Sequence
from typing import overload

from shopstream.events import Event


class Batch(Sequence[Event]):
    """Events in the order in which they must be handled. It may hold several of one subject."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = tuple(events)

    async def ack(self) -> None:
        """Acknowledge all events, except those that were acknowledged or nacked one by one."""
        for event in self._events:
            await event.ack()

    async def nack(self, delay: float = 0.0) -> None:
        """Have all events delivered again in `delay` seconds, except those that were acknowledged one by one."""
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
