"""Encode and decode the stored states of products. Nothing else knows their form in Redis.

A value is the state as JSON, which begins with `{`, or the byte ZSTD, the number of a dictionary in two bytes (the
greater first), and a zstd frame of the packed state (`packed_state.py`) made by that dictionary. JSON stays readable
for ever. Tombstones and the records of shops are always JSON: scripts look into them.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Final, cast
from weakref import WeakKeyDictionary, proxy

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shopstream.compression.dictionary import BrokenFrame, Dictionary, load_general
from shopstream.compression.dictionary_store import PLAIN, fetch_dictionary, put_dictionary, read_number
from shopstream.errors import MissingDictionary, UnreadableState
from shopstream.redis.deployment_keys import name_dictionary
from shopstream.redis.passing import raise_lasting
from shopstream.state.packed_state import Packed, pack, unpack
from shopstream.state.product_state import StoredState

ZSTD: Final = 1
"""The first byte of a compressed value."""
HEAD: Final = 3
"""Bytes before the frame."""
RENEW_SECONDS: Final = 30.0
"""Seconds for which a writer compresses by a dictionary before it looks again at which one is in use."""
LOOK_SECONDS: Final = 1.0
"""Seconds that a writer waits for this look. It needs nothing of it."""
_REQUIRED: Final = frozenset({"seq", "deleted", "product", "stock"})
Found = StoredState | UnreadableState | None
"""A decoded value: the state, the reason why it can't be read, or None if there was none."""


class StateCodec:
    """The codec of one deployment: the dictionaries of its Redis that are known so far.

    Each dictionary is fetched once. The codec serves one event loop; its dictionaries serve any thread.
    """

    def __init__(self, redis: Redis) -> None:
        """Make a codec that knows the general dictionary alone, and writes plain JSON until `renew`.

        It does not keep the client alive: the client is the key under which `find_codec` keeps it.
        """
        self._redis: Redis = proxy(redis)
        self._known: dict[int, Dictionary] = {1: _GENERAL}
        self._in_use: Dictionary | None = None
        self._renew_at = 0.0

    @property
    def number(self) -> int:
        """The number of the dictionary by which this codec writes; PLAIN for plain JSON."""
        return self._in_use.number if self._in_use else PLAIN

    async def renew(self, *, now: bool = False) -> None:
        """Look at which dictionary is in use: `now`, or unless the last look was less than RENEW_SECONDS ago.

        A dictionary that is in use and that Redis has lost is put back by whoever knows it. Where nobody does, states
        are written as plain JSON.

        No state waits for this long: while the node of a cluster that has the number is away, what was found before
        stays in use, or plain JSON.

        Raises:
            RedisError: redis-py's, with `now` alone, or one that does not end by itself.
        """
        if now:
            await self._look()
        elif time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + RENEW_SECONDS  # others don't wait for the same answer
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._look()
            except TimeoutError:
                return
            except RedisError as error:
                raise_lasting(error)

    async def _look(self) -> None:
        number = await read_number(self._redis)
        if number in self._known:
            if not await self._redis.exists(name_dictionary(number)):
                await put_dictionary(self._redis, self._known[number])
        elif number != PLAIN:
            await self._learn([number])
        self._in_use = self._known.get(number)
        self._renew_at = time.monotonic() + RENEW_SECONDS

    def encode(self, state: StoredState) -> bytes:
        """Encode a state by the dictionary in use. A tombstone stays JSON."""
        if self._in_use is None or state["deleted"]:
            return orjson.dumps(state)
        frame = self._in_use.compress(orjson.dumps(pack(state)))
        return bytes((ZSTD, *self._in_use.number.to_bytes(2))) + frame

    async def decode(self, value: bytes | None) -> StoredState | None:
        """Decode one value.

        Raises:
            UnreadableState: the value is damaged, or its dictionary is missing.
        """
        (found,) = await self.decode_each([value])
        if isinstance(found, UnreadableState):
            raise found
        return found

    async def decode_each(self, values: Sequence[bytes | None], mentioning: bytes = b"") -> list[Found]:
        """Decode values, and fetch the dictionaries that are not known yet.

        Args:
            values: the values; nothing and b"" give None.
            mentioning: text that the JSON of a state must have; any other state gives None.
        """
        numbers = {number for value in values if value and (number := _read_number(value)) not in self._known}
        await self._learn(numbers - {PLAIN})
        return [self._decode(value, mentioning) if value else None for value in values]

    async def _learn(self, numbers: Iterable[int]) -> None:
        """Fetch dictionaries. One that is missing stays unknown, and is looked for again with its next value."""
        for number in numbers:
            try:
                self._known[number] = await fetch_dictionary(self._redis, number)
            except MissingDictionary:
                continue

    def _decode(self, value: bytes, mentioning: bytes) -> Found:
        number = _read_number(value)
        if number != PLAIN and number not in self._known:
            return MissingDictionary(number)
        try:
            text = self._known[number].decompress(value[HEAD:]) if number else value
            if mentioning not in text:
                return None
            state = _as_state(orjson.loads(text))
            return unpack(state) if number else cast("StoredState", state)
        except (BrokenFrame, ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
            return UnreadableState(f"{len(value)} bytes, dictionary {number}: {type(error).__name__}")


def find_codec(redis: Redis) -> StateCodec:
    """Give the codec of a client of Redis: the same one as long as the client lives."""
    codec = _CODECS.get(redis)
    if codec is None:
        codec = _CODECS[redis] = StateCodec(redis)
    return codec


_GENERAL: Final = load_general()
_CODECS: Final[WeakKeyDictionary[Redis, StateCodec]] = WeakKeyDictionary()


def _as_state(value: object) -> Packed:
    """Take decoded JSON for a state if it has what each state has."""
    if isinstance(value, dict) and value.keys() >= _REQUIRED:
        return value
    raise TypeError("this JSON is no state")


def _read_number(value: bytes) -> int:
    """Read the number of a value's dictionary; PLAIN if the value is not compressed."""
    return int.from_bytes(value[1:HEAD]) if value[0] == ZSTD else PLAIN
