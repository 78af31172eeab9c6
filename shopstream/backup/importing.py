"""Import a backup, beside what is there: nothing in Redis that is as new as the backup, or newer, is replaced.

A refresh replaces a token pair at TikTok. An older pair over a newer one would therefore cost the seller's consent.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, TypeVar

import orjson
from redis.asyncio import Redis

from shopstream.authorizations.issuer import Issuer
from shopstream.backup.backup_file import BackupReader
from shopstream.backup.backup_lines import (
    BackupHead,
    BackupLine,
    SavedAuthorization,
    SavedPause,
    SavedSeller,
    SavedSettings,
    SavedShop,
)
from shopstream.backup.record_merging import COMPARED, PresentRecord, merge_record
from shopstream.backup.saved_consents import find_missing, is_outdated, list_saved
from shopstream.compression.dictionary_store import begin_compression
from shopstream.errors import BackupRefused
from shopstream.redis.deployment_keys import ARRIVAL, LAYOUT, LAYOUT_KEY, PARTITIONS, PAUSED
from shopstream.redis.keys import Partition, partition_for
from shopstream.redis.partition_count import read_move
from shopstream.redis.scripts import Call, Script, run
from shopstream.redis.standards.server_standards import judge_layout
from shopstream.registry.workers import workers

T = TypeVar("T")
_REST: Final = (SavedShop, SavedSettings, SavedSeller, SavedPause)
_TAKE: Final = Script("backup/take_record.lua")
_PART: Final = 200
"""Lines that are imported in one round trip or two."""


@dataclass(slots=True)
class ImportCount:
    """Things of one kind: taken from the backup, kept as Redis has them, or refused."""

    taken: int = 0
    kept: int = 0
    refused: int = 0


@dataclass(slots=True)
class Imported:
    """The outcome of an import.

    Attributes:
        made_at: the moment of the backup, RFC 3339.
        authorizations: refused are those whose pair a worker is renewing: import again.
        shops: refused are those whose authorization is neither in the backup nor in Redis.
        settings: the settings of shops.
        sellers: the lists of shops by seller.
        paused: True if the pause of all shops was taken.
    """

    made_at: str
    authorizations: ImportCount = field(default_factory=ImportCount)
    shops: ImportCount = field(default_factory=ImportCount)
    settings: ImportCount = field(default_factory=ImportCount)
    sellers: ImportCount = field(default_factory=ImportCount)
    paused: bool = False


async def import_all(redis: Redis, file: BinaryIO, *, apps: Iterable[str] = (), dry_run: bool = False) -> Imported:
    """Import a backup, and have workers load its shops.

    Args:
        redis: the workers' Redis.
        file: the backup; it is read twice, from its begin.
        apps: keys of apps whose authorizations are wanted, beside those of living workers. With neither, any.
        dry_run: write nothing, and count all the same.

    Raises:
        BackupRefused: the backup is damaged, or of another app, or Redis has another layout, or a deployment is being
            moved to it. Nothing was written then.
        Moved: the deployment moves to another Redis, or has moved. Nothing was written then.
    """
    await _refuse_sides_of_a_move(redis)
    reader = BackupReader(file)
    found = _look_through(reader)
    wanted = {*apps, *(key for one in await workers(redis) for key in one.app_key.split(","))} - {""}
    if others := found.apps - wanted if wanted else set():
        raise BackupRefused(
            f"the backup is of app {min(others)}, and this deployment has app {', '.join(sorted(wanted))}: is it"
            " another deployment's?"
        )
    if (layout := await redis.get(LAYOUT_KEY)) and (fault := judge_layout(layout)):
        raise BackupRefused(f"{fault.text}: {fault.remedy}")
    partitions = await _settle(redis, reader.head, dry_run=dry_run)
    done = Imported(reader.head.made_at)
    work = _Import(redis, partitions, found.names, done, dry_run=dry_run)
    # The authorizations come first: no shop is there without its tokens.
    for act, kinds in ((work.take_authorizations, SavedAuthorization), (work.take_rest, _REST)):
        file.seek(0)
        async for part in _read_parts(BackupReader(file), kinds):
            await act(part)
    # Not before: a worker removes tokens at a refresh that no shop of the registry needs.
    await work.make_refreshes_due()
    return done


async def _refuse_sides_of_a_move(redis: Redis) -> None:
    """Refuse a source, whose tokens are copied already, and a target, which a number of partitions would open."""
    if move := await read_move(redis):
        raise move.error
    if await redis.exists(ARRIVAL):
        raise BackupRefused("a deployment is being moved to this Redis: wait for the end of `shopstream move`")


async def _read_parts(reader: BackupReader, kinds: Any) -> AsyncIterator[list[Any]]:
    """Read the lines of some kinds, by parts."""
    lines = []
    for line in reader:
        if isinstance(line, kinds):
            lines.append(line)
        if len(lines) >= _PART:
            yield lines
            lines = []
    yield lines


@dataclass(frozen=True, slots=True)
class _Found:
    """The authorizations of a backup, and the apps that they belong to."""

    names: Collection[str]
    apps: set[str]


def _look_through(reader: BackupReader) -> _Found:
    """Read a whole backup before anything of it is used."""
    names: set[str] = set()
    issuers: set[str | None] = set()
    for line in reader:
        if isinstance(line, SavedAuthorization):
            names.add(line.id)
            issuers.add(line.fields.get("issuer"))
    apps = {issuer.app_key for one in issuers if (issuer := Issuer.from_json(one))}
    return _Found(names, apps)


async def _settle(redis: Redis, head: BackupHead, *, dry_run: bool) -> int:
    """Give the number of partitions. An empty Redis gets the backup's, as a first worker would choose it."""
    stored = await redis.get(PARTITIONS)
    if stored is None and not dry_run:
        await redis.set(LAYOUT_KEY, LAYOUT, nx=True)
        await begin_compression(redis)
        await redis.set(PARTITIONS, head.partitions, nx=True)
        stored = await redis.get(PARTITIONS)
    return int(stored or head.partitions)


class _Import:
    """One import."""

    def __init__(self, redis: Redis, partitions: int, names: Collection[str], done: Imported, *, dry_run: bool) -> None:
        self._redis = redis
        self._partitions = partitions
        self._in_backup = names
        self._done = done
        self._dry_run = dry_run
        self._renewed: set[str] = set()
        """Authorizations whose pair was taken."""
        self._refreshed: list[str] = []
        """Those of them that are to be renewed."""

    async def take_authorizations(self, lines: Sequence[SavedAuthorization]) -> None:
        """Take the pairs that are newer than those of Redis."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for line in lines:
                pipe.hmget(self._home(line.id).token(line.id), list(COMPARED))
            rows = await pipe.execute()
        tally, newer = self._done.authorizations, []
        for line, row in zip(lines, rows, strict=True):
            present = PresentRecord(*("" if value is None else value.decode(errors="replace") for value in row))
            if present.pair and (present.pair == line.fields["pair"] or present.issued_at >= line.issued_at):
                tally.kept += 1
            else:
                newer.append((line, present))
        answers = await self._store(newer)
        tally.taken += answers.count(1)
        tally.kept += answers.count(0)  # a worker has stored another pair in between, and that is newer
        tally.refused += answers.count(-1)
        taken = [line for (line, _), answer in zip(newer, answers, strict=True) if answer == 1]
        self._renewed |= {line.id for line in taken}
        self._refreshed += [line.id for line in taken if line.fields["state"] == "active"]

    async def make_refreshes_due(self) -> None:
        """Have workers look at the pairs that were taken."""
        await self._make_due((name, "refresh") for name in self._refreshed)

    async def _store(self, newer: Sequence[tuple[SavedAuthorization, PresentRecord]]) -> list[int]:
        if self._dry_run:
            return [1] * len(newer)
        calls = []
        for line, present in newer:
            fields = merge_record(line, present)
            arguments = [present.pair, *(part for pair in fields.items() for part in pair)]
            calls.append(Call(_TAKE, [self._home(line.id).token(line.id)], arguments))
        answers = await run(self._redis, calls)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def take_rest(self, lines: Sequence[BackupLine]) -> None:
        """Take settings, shops and sellers that Redis doesn't have. Settings come first: they may pause a shop."""
        rows = [
            (self._home(line.shop_id).settings, line.shop_id, line.settings) for line in _select(lines, SavedSettings)
        ]
        await self._add(rows, self._done.settings)
        await self._take_shops(_select(lines, SavedShop))
        sellers = _select(lines, SavedSeller)
        rows = [(self._home(one.open_id).sellers, one.open_id, orjson.dumps(one.shops).decode()) for one in sellers]
        await self._add(rows, self._done.sellers)
        for line in _select(lines, SavedPause):
            taken = await self._redis.exists(PAUSED) == 0 if self._dry_run else await self._redis.set(
                PAUSED, line.since_ms, nx=True
            )  # fmt: skip
            self._done.paused = bool(taken)

    async def _take_shops(self, lines: Sequence[SavedShop]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for line in lines:
                pipe.hget(self._home(line.shop.shop_id).registry, line.shop.shop_id)
                pipe.exists(self._home(line.shop.authorization).token(line.shop.authorization))
            answers = await pipe.execute()
        tally, taken, missing = self._done.shops, list[SavedShop](), list[str]()
        for line, present, authorized in zip(lines, answers[::2], answers[1::2], strict=True):
            saved = list_saved(line.entry)
            if not authorized and not any(name in self._in_backup for name in saved):
                tally.refused += 1
            elif present and not is_outdated(present, saved, self._renewed):
                tally.kept += 1
                missing += [name for name in find_missing(present, line.entry) if name in self._renewed]
            else:
                tally.taken += 1
                taken.append(line)
        if self._dry_run:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for line in taken:
                pipe.hset(self._home(line.shop.shop_id).registry, line.shop.shop_id, line.entry)
            await pipe.execute()
        active = [line.shop.shop_id for line in taken if line.shop.status == "active"]
        # A retry schedules the walks of a shop: without a watermark it is loaded at once.
        await self._make_due((shop, "retry") for shop in active)
        await self._make_due((line.shop.shop_id, "glance") for line in taken)
        # By the list of its shops a consent to another app comes beside those that the seller has given since.
        await self._make_due((name, "list") for name in missing)

    async def _add(self, rows: Sequence[tuple[str, str, str]], tally: ImportCount) -> None:
        """Add fields of hashes that aren't there."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for key, name, value in rows:
                if self._dry_run:
                    pipe.hexists(key, name)
                else:
                    pipe.hsetnx(key, name, value)
            answers = await pipe.execute()
        for answer in answers:
            taken = bool(answer) is not self._dry_run
            tally.taken += taken
            tally.kept += not taken

    async def _make_due(self, work: Iterable[tuple[str, str]]) -> None:
        if self._dry_run:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for name, kind in work:
                pipe.zadd(self._home(name).due, {f"{kind}:{name}": 0}, lt=True)
            await pipe.execute()

    def _home(self, name: str) -> Partition:
        return partition_for(name, self._partitions)


def _select(lines: Sequence[BackupLine], kind: type[T]) -> list[T]:
    return [line for line in lines if isinstance(line, kind)]
