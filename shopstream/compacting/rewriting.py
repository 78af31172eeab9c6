"""Rewrite stored states in the form in use. Workers do so with each change; this does the rest at once."""

from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shopstream.compacting.state_pages import list_shops, read_pages
from shopstream.errors import UnreadableState
from shopstream.redis.scripts import Call, Script, run
from shopstream.state.state_codec import find_codec

_REPLACE: Final = Script("compacting/replace.lua")


@dataclass(slots=True)
class Rewritten:
    """The outcome of a rewriting, in states and bytes.

    Attributes:
        states: states that were rewritten.
        changed: states that a worker changed meanwhile, which it wrote in the form in use.
        unreadable: states that can't be read.
        before: bytes of the rewritten states.
        after: bytes of their new values.
    """

    states: int = 0
    changed: int = 0
    unreadable: int = 0
    before: int = 0
    after: int = 0


async def rewrite_states(redis: Redis, partitions: int) -> Rewritten:
    """Rewrite the states of all authorized shops, while workers run. Marks stay, so nothing is published."""
    done, codec = Rewritten(), find_codec(redis)
    await codec.renew(now=True)
    async for partition, shop in list_shops(redis, partitions):
        key = partition.state(shop)
        async for page in read_pages(redis, key):
            calls, sizes = list[Call](), list[tuple[int, int]]()
            for (name, value), state in zip(page.items(), await codec.decode_each([*page.values()]), strict=True):
                if isinstance(state, UnreadableState):
                    done.unreadable += 1
                elif state and (new := codec.encode(state)) != value:
                    calls.append(Call(_REPLACE, [key], [name, value, new]))
                    sizes.append((len(value), len(new)))
            for (before, after), answer in zip(sizes, await run(redis, calls), strict=True):
                if isinstance(answer, Exception):
                    raise answer
                done.states += answer
                done.changed += not answer
                done.before += before if answer else 0
                done.after += after if answer else 0
    return done
