"""Keep a deployment's dictionaries in Redis, with the number of the one in use.

`shopstream:dict:N` has the bytes of dictionary N, and `shopstream:dict` the number of the one by which workers
compress. Number 0, or no number, says that they write plain JSON. A dictionary is never removed or replaced: values
that were compressed by it may be there still.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from shopstream.compression.dictionary import Dictionary, load_general
from shopstream.errors import MissingDictionary
from shopstream.redis.deployment_keys import DICTIONARY_IN_USE, name_dictionary

PLAIN: Final = 0
"""The number in use while workers write plain JSON."""
NUMBER_MAX: Final = 65_535
"""The greatest number of a dictionary: a value has two bytes for it."""
_PAGE: Final = 64


@dataclass(frozen=True, slots=True)
class KeptDictionary:
    """A dictionary in Redis.

    Attributes:
        number: its number.
        size: its length in bytes.
        in_use: true if workers compress by it.
    """

    number: int
    size: int
    in_use: bool


async def read_number(redis: Redis) -> int:
    """Read the number of the dictionary in use; PLAIN for none."""
    stored = await redis.get(DICTIONARY_IN_USE)
    return int(stored) if stored and stored.isdigit() else PLAIN


async def fetch_dictionary(redis: Redis, number: int) -> Dictionary:
    """Fetch a dictionary.

    Raises:
        MissingDictionary: Redis has none of this number, or what it has is damaged.
    """
    data = await redis.get(name_dictionary(number))
    try:
        if data is not None:
            return Dictionary(number, data)
    except ValueError:
        pass
    raise MissingDictionary(number)


async def put_dictionary(redis: Redis, dictionary: Dictionary) -> bool:
    """Put a dictionary under its number. Returns False if Redis has one of this number."""
    return bool(await redis.set(name_dictionary(dictionary.number), dictionary.data, nx=True))


async def begin_compression(redis: Redis) -> None:
    """Have a new deployment compress by the general dictionary, unless a number was chosen already."""
    general = load_general()
    await put_dictionary(redis, general)
    await redis.set(DICTIONARY_IN_USE, general.number, nx=True)


async def use_dictionary(redis: Redis, number: int) -> None:
    """Have workers compress by a dictionary that Redis has, or write plain JSON for PLAIN.

    Raises:
        MissingDictionary: Redis has no dictionary of this number.
    """
    if number == 1:
        await put_dictionary(redis, load_general())
    elif number != PLAIN:
        await fetch_dictionary(redis, number)
    await redis.set(DICTIONARY_IN_USE, number)


async def add_dictionary(redis: Redis, data: bytes) -> Dictionary:
    """Put a new dictionary under the next free number.

    Raises:
        ValueError: the bytes are no dictionary, or all numbers are taken.
    """
    number = 1 + max((one.number for one in await list_dictionaries(redis)), default=1)
    while number <= NUMBER_MAX:
        dictionary = Dictionary(number, data)
        if await put_dictionary(redis, dictionary):
            return dictionary
        number += 1
    raise ValueError("all numbers of dictionaries are taken")


async def list_dictionaries(redis: Redis) -> list[KeptDictionary]:
    """List the dictionaries that Redis has, by number. Numbers are given one after another, from 1 on."""
    used, found, first = await read_number(redis), list[KeptDictionary](), 1
    while True:
        lengths = await _measure_lengths(redis, range(first, first + _PAGE))
        found += [KeptDictionary(first + at, size, first + at == used) for at, size in enumerate(lengths) if size]
        if not any(lengths):
            return found
        first += _PAGE


async def _measure_lengths(redis: Redis, numbers: Iterable[int]) -> list[int]:
    """Measure the dictionaries of these numbers, in bytes; 0 for one that isn't there."""
    async with redis.pipeline(transaction=False) as pipe:
        for number in numbers:
            pipe.strlen(name_dictionary(number))
        answers: list[Any] = await pipe.execute()
    return [int(one) for one in answers]
