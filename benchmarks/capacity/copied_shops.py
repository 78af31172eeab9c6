"""Copy all that Redis has of shops under other ids, as of further shops with as many products: for `growth.py`.

A key is restored byte by byte, so a copy takes the memory that its shop takes. Entries get new ids in their streams.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from redis.asyncio import Redis

from shopstream.redis.keys import STREAMS, Partition

P: Final = Partition(0)
_APART: Final = 1_000_000_000
"""The distance of a copied shop's id from that of the shop: more than between any two shops of the sandbox."""
_AT_ONCE: Final = 1_000
_ADD_AGAIN: Final = """
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])
for _, entry in ipairs(found) do
  redis.call('XADD', KEYS[1], '*', unpack(entry[2]))
end
return #found > 0 and found[#found][1]
"""
"""Adds entries of a range again, and gives the id of the last of them."""


async def list_names(redis: Redis) -> list[bytes]:
    """List the ids of all shops and authorizations, by which keys and fields are named."""
    shops = await redis.hkeys(P.registry)  # type: ignore[misc]
    tokens = [key.rpartition(b":")[2] async for key in redis.scan_iter(match=P.token("*"), count=_AT_ONCE)]
    return [*shops, *tokens]


async def list_ends(redis: Redis) -> dict[str, bytes]:
    """List the id of the last entry of each stream that has one."""
    ends = {name: await redis.xrevrange(P.stream(name), count=1) for name in STREAMS}
    return {name: found[0][0] for name, found in ends.items() if found}


async def copy_shops(redis: Redis, names: Iterable[bytes], copy: int) -> None:
    """Copy what is named by these ids: their own keys, their fields of the deployment's hashes, and their due work."""
    copies = {name: _name_copy(name, copy) for name in names}
    keys = [key async for key in redis.scan_iter(match=f"{P.prefix}:*", count=_AT_ONCE)]
    for key in keys:
        before, _, last = key.rpartition(b":")
        if last in copies:
            await redis.restore(before + b":" + copies[last], 0, await redis.dump(key))
    for name in (P.registry, P.glance, P.token_ends, P.settings):
        fields = await redis.hgetall(name)  # type: ignore[misc]
        copied = {copies[field]: value for field, value in fields.items() if field in copies}
        if copied:
            await redis.hset(name, mapping=copied)  # type: ignore[misc]
    due = await redis.zrange(P.due, 0, -1, withscores=True)
    members = {member.replace(old, new): at for member, at in due for old, new in copies.items() if old in member}
    if members:
        await redis.zadd(P.due, members)


async def copy_entries(redis: Redis, last: Mapping[str, bytes]) -> None:
    """Add the entries up to the last one of each stream once more, within Redis."""
    add_again = redis.register_script(_ADD_AGAIN)
    for name, end in last.items():
        after: bytes | None = b"0-0"
        while after:
            after = await add_again(keys=[P.stream(name)], args=[b"(" + after, end, _AT_ONCE])


def _name_copy(name: bytes, copy: int) -> bytes:
    """Name a copy by as many bytes."""
    if name.isdigit():
        return b"%d" % (int(name) + copy * _APART)
    return b"%04d" % copy + name[4:]
