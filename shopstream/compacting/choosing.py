"""Choose the dictionary by which workers compress states: one that Redis has, or a new one, trained on its states."""

import random
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shopstream.compacting.state_pages import collect_samples
from shopstream.compression.dictionary import Dictionary, load_general
from shopstream.compression.dictionary_store import (
    PLAIN,
    add_dictionary,
    fetch_dictionary,
    read_number,
    use_dictionary,
)
from shopstream.compression.training import HELD_OUT, SAMPLES_LEAST, SIZE, measure, train
from shopstream.errors import DictionaryRefused, MissingDictionary
from shopstream.redis.deployment_keys import LAYOUT, LAYOUT_KEY
from shopstream.registry.workers import workers

SAMPLES_MOST: Final = 20_000
"""States of one training, about 50 MB of JSON and half a minute of CPU."""
_WORTH: Final = 0.98
"""A new dictionary must make states this small at least, of their size by the one in use."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A training, measured on states that it did not see. Sizes are mean bytes of a state.

    Attributes:
        number: the new dictionary; None if it was not worth a number, and nothing has changed.
        states: the states that it was trained on.
        measured: the states that were measured.
        as_json: size as JSON.
        before: size by the dictionary that was in use, or by the general one.
        after: size by the new one.
    """

    number: int | None
    states: int
    measured: int
    as_json: float
    before: float
    after: float


async def choose(redis: Redis, number: int) -> None:
    """Have workers compress by a dictionary within a minute, or write plain JSON for PLAIN.

    Raises:
        DictionaryRefused: Redis has no dictionary of this number, or a worker that lives can't read its states.
    """
    if number != PLAIN:
        await _refuse_old_workers(redis)
        if number != 1:
            await _check_there(redis, number)
        await redis.set(LAYOUT_KEY, LAYOUT)
    await use_dictionary(redis, number)


async def _check_there(redis: Redis, number: int) -> None:
    try:
        await fetch_dictionary(redis, number)
    except MissingDictionary:
        raise DictionaryRefused(f"Redis has no dictionary {number}: `shopstream dictionary` lists them") from None


async def train_on_states(redis: Redis, partitions: int, size: int = SIZE) -> Trained:
    """Train a dictionary on this deployment's states, and choose it if it makes them smaller.

    Raises:
        DictionaryRefused: there are too few states, they are too much alike, or a worker can't read compressed states.
    """
    await _refuse_old_workers(redis)
    samples = await collect_samples(redis, partitions, SAMPLES_MOST, SAMPLES_LEAST)
    if len(samples) < SAMPLES_LEAST:
        raise DictionaryRefused(
            f"this deployment has {len(samples)} states, and a training takes {SAMPLES_LEAST}: the general dictionary "
            "serves until then (`shopstream dictionary use 1`)"
        )
    random.Random(len(samples)).shuffle(samples)  # noqa: S311 - any even mixture serves
    held, seen = samples[: len(samples) // HELD_OUT], samples[len(samples) // HELD_OUT :]
    try:
        data = train(seen, size)
    except ValueError as error:
        raise DictionaryRefused(str(error)) from None
    before = measure(await _load_used(redis), held)
    after = measure(Dictionary(1, data), held)
    number = None
    if after <= _WORTH * before:
        number = (await add_dictionary(redis, data)).number
        await choose(redis, number)
    as_json = sum(map(len, held)) / len(held)
    return Trained(number, states=len(seen), measured=len(held), as_json=as_json, before=before, after=after)


async def _load_used(redis: Redis) -> Dictionary:
    """Load the dictionary in use, or the general one."""
    number = await read_number(redis)
    return load_general() if number in (PLAIN, 1) else await fetch_dictionary(redis, number)


async def _refuse_old_workers(redis: Redis) -> None:
    old = sorted(one.name for one in await workers(redis) if one.layout < LAYOUT)
    if old:
        raise DictionaryRefused(
            f"worker {old[0]} is of an older version, which can't read compressed states: replace it first "
            "(docs/upgrade.md)"
        )
