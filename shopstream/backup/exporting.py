"""Export what Redis alone has. Nothing is decrypted: the token records stay sealed by the workers' token keys."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from redis.asyncio import Redis

from shopstream.backup.backup_file import BackupWriter
from shopstream.backup.backup_lines import (
    FIELDS,
    BackupHead,
    BackupLine,
    SavedAuthorization,
    SavedPause,
    SavedSeller,
    SavedSettings,
    SavedShop,
    parse_json,
    parse_line,
)
from shopstream.errors import BackupRefused
from shopstream.redis import clock
from shopstream.redis.deployment_keys import PAUSED
from shopstream.redis.keys import Partition
from shopstream.redis.partition_count import partition_count
from shopstream.redis.scanning import scan_keys
from shopstream.version import VERSION

_PART: Final = 200
"""Records that are read in one round trip."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The number of things that a backup has. `damaged` ones are left out, since no worker can use them."""

    authorizations: int
    shops: int
    settings: int
    sellers: int
    damaged: int


async def export_all(redis: Redis, file: BinaryIO) -> Exported:
    """Write a backup.

    Raises:
        EmptyRedis: no worker has started on this Redis.
        BackupRefused: the file can't be written.
    """
    partitions = await partition_count(redis)
    made_at = clock.write_seconds(await clock.read_s(redis))
    writer = BackupWriter(file, BackupHead(VERSION, made_at, partitions))
    counts = {SavedAuthorization: 0, SavedShop: 0, SavedSettings: 0, SavedSeller: 0, SavedPause: 0}
    damaged = 0
    async for line in _read_all(redis, partitions):
        if line is None:
            damaged += 1
            continue
        counts[type(line)] += 1
        writer.add(line)
    writer.end()
    return Exported(
        authorizations=counts[SavedAuthorization], shops=counts[SavedShop], settings=counts[SavedSettings],
        sellers=counts[SavedSeller], damaged=damaged,
    )  # fmt: skip


async def _read_all(redis: Redis, partitions: int) -> AsyncIterator[BackupLine | None]:
    """Read all that a backup has; None for a damaged thing."""
    if since := await redis.get(PAUSED):
        yield SavedPause(int(since))
    # The shops come first: an authorization that is stored meanwhile is then there for each of them.
    for number in range(partitions):
        partition = Partition(number)
        async for _, entry in redis.hscan_iter(partition.registry, count=_PART):
            yield _check({"kind": "shop", "entry": _text(entry)})
        async for shop, settings in redis.hscan_iter(partition.settings, count=_PART):
            yield _check({"kind": "settings", "shop_id": _text(shop), "settings": _text(settings)})
        async for open_id, shops in redis.hscan_iter(partition.sellers, count=_PART):
            yield _check_seller(open_id, shops)
        names: list[str] = []
        async for key in scan_keys(redis, partition.token("*")):
            names.append(key.rpartition(":")[2])
            if len(names) >= _PART:
                for each in await _read_records(redis, partition, names):
                    yield each
                names = []
        for each in await _read_records(redis, partition, names):
            yield each


async def _read_records(redis: Redis, partition: Partition, names: Sequence[str]) -> list[BackupLine | None]:
    async with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hmget(partition.token(name), list(FIELDS))
        rows = await pipe.execute()
    found: list[BackupLine | None] = []
    for name, values in zip(names, rows, strict=True):
        fields = {field: _text(value) for field, value in zip(FIELDS, values, strict=True) if value is not None}
        if fields:  # else it was forgotten meanwhile
            found.append(_check({"kind": "authorization", "id": name, "fields": fields}))
    return found


def _check(document: dict[str, object]) -> BackupLine | None:
    """Check a thing as an import does, so that no damaged one makes the whole backup worthless."""
    try:
        return parse_line(document, 0)
    except BackupRefused:
        return None


def _check_seller(open_id: bytes, shops: bytes) -> BackupLine | None:
    try:
        return _check({"kind": "seller", "open_id": _text(open_id), **parse_json(b'{"shops":%s}' % shops, 0)})
    except BackupRefused:
        return None


def _text(stored: bytes) -> str:
    return stored.decode(errors="replace")
