"""Survey the token records at a worker's start and every five minutes: those that it can use, and by which key.

The survey logs one line for all records that can't be used for one reason, once a day for all workers together. It
encrypts the others by this worker's first key, so that keys can be renewed while workers run. Of all workers with the
same keys, app and hosts one does so at a time, and the others take its findings over.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, NoReturn

from redis.exceptions import RedisError

from shopstream.authorizations.findings import Finding, FindingKind
from shopstream.authorizations.issuer import Issuer
from shopstream.redis import clock
from shopstream.redis.deployment_keys import noticed_key
from shopstream.redis.keys import Partition
from shopstream.registry.shop_entries import scan_shops
from shopstream.registry.shop_of_apps import ShopOfApps, list_views
from worker.runtime import Runtime
from worker.surveys.sound_records import SoundRecords
from worker.surveys.survey_turn import Survey, SurveyTurn
from worker.tokens.token_records import TokenRecords
from worker.tokens.vault import Undecryptable

EVERY_SECONDS: Final = 300.0
"""Seconds between two surveys, if nothing strange is met meanwhile."""
_AGAIN_SECONDS: Final = 5.0
"""Seconds until the next survey if Redis can't be reached."""
_TOGETHER_SECONDS: Final = 1.0
"""Seconds from the first record that a load can't use, or a new consent, to the next survey."""
_FRESH_MS: Final = 240_000
"""Milliseconds since its begin for which another worker's survey will do, where nothing strange was met."""
_TURN_SECONDS: Final = 0.25
"""Seconds between two looks for the survey of the worker that has the turn."""
_AUTHORIZATION: Final = b'"authorization":"'
_ALSO: Final = b'"also":'
"""Stands in the entry of a shop with several consents alone."""
_NOTICE_SECONDS: Final = 86_400
"""Seconds for which no worker logs the same finding again."""
_EMPTY: Final = (
    "a new deployment begins with: shopstream authorize-url. Were there shops before? Then check host and database"
    " number of SHOPSTREAM_REDIS_URL, or import a backup: docs/backup.md"
)


class _Reason(NamedTuple):
    """The reason why a record can't be used, as the first three fields of its finding."""

    kind: FindingKind
    theirs: str = ""
    ours: str = ""


class Tools(NamedTuple):
    """The tools of a survey, for one worker."""

    sound: SoundRecords
    records: TokenRecords
    turn: SurveyTurn

    @classmethod
    def of(cls, runtime: Runtime) -> "Tools":
        """Make them of a worker's parts."""
        redis, vault, partitions = runtime.redis, runtime.tokens.vault, runtime.partitions
        return cls(
            SoundRecords(redis, vault.mark, partitions),
            TokenRecords(redis, vault, partitions),
            SurveyTurn(redis, vault.marks, runtime.tokens.apps.issuers),
        )


async def survey(runtime: Runtime) -> NoReturn:
    """Survey the token records without end, or take over the survey of another worker with the same settings."""
    tokens = runtime.tokens
    tools, first, fresh_ms = Tools.of(runtime), True, 0
    while True:
        done = False
        try:
            tokens.unusable.met.clear()
            since_ms = await clock.read_ms(runtime.redis) - fresh_ms
            found, own = await find(runtime, tools, since_ms)
            await _take_over(runtime, found, first=first, own=own)
            first, done = False, True
        except (RedisError, OSError) as error:
            runtime.log.warning("token_keys_unchecked", error=type(error).__name__)
        fresh_ms = 0
        try:
            async with asyncio.timeout(EVERY_SECONDS if done else _AGAIN_SECONDS):
                await tokens.unusable.met.wait()
            await asyncio.sleep(_TOGETHER_SECONDS)  # records that come together are one finding
        except TimeoutError:
            fresh_ms = _FRESH_MS if done else 0  # one that failed was perhaps to find what a load had met


async def find(runtime: Runtime, tools: Tools, since_ms: int) -> tuple[Survey, bool]:
    """Find a survey that has begun at `since_ms` or later, and tell whether it is this worker's own.

    At a start none from before it will do: a worker that has ended since may have sealed a record by an older key.
    """
    turn = tools.turn
    while (found := await turn.read(since_ms)) is None:
        if await turn.take():
            try:
                if (found := await turn.read(since_ms)) is None:
                    own = await look(runtime, tools)
                    await turn.share(own)
                    return own, True
            finally:
                await turn.end()
        else:
            await asyncio.sleep(_TURN_SECONDS)
    return found, False


async def look(runtime: Runtime, tools: Tools) -> Survey:
    """Survey the token records once: find those that can't be used, and encrypt the others by the first key.

    The old key may be removed once each worker with the new one has logged `token_keys_checked` with `unreadable` 0.
    """
    sound, records, turn = tools
    begun_ms = await clock.read_ms(runtime.redis)
    reasons: defaultdict[_Reason, set[str]] = defaultdict(set)
    outdated: list[str] = []
    judge = _Judge(runtime.tokens.apps.issuers)
    number = unreadable = 0
    async for part in sound.read_all():
        number += len(part)
        opened = []
        for record in part:
            try:
                if not records.check(record):
                    outdated.append(record.name)
                elif not record.sound:
                    opened.append(record)
                reason = judge.compare(record.issuer)
            except Undecryptable as error:
                unreadable += 1
                reason = judge.compare(record.issuer) or _Reason("moved" if error.moved else "no_key")
            if reason:
                reasons[reason].add(record.name)
        await sound.note(opened)
        await turn.renew()
    covered, stopped = await _find_shops(runtime, reasons) if reasons else ({}, set())
    findings = [
        Finding(*reason, len(names), shops=len(covered[reason]), stopped=len(covered[reason] & stopped))
        for reason, names in reasons.items()
    ]
    names = [*stopped, *(name for group in reasons.values() for name in group)]
    renewed = 0
    for name in outdated:
        renewed += await records.rotate(name)
        await turn.renew()
    return Survey(
        begun_ms=begun_ms, records=number, unreadable=unreadable, renewed=renewed, findings=findings, names=names
    )


async def _take_over(runtime: Runtime, found: Survey, *, first: bool, own: bool) -> None:
    """Hold what can't be used by this worker, and log what is new."""
    tokens = runtime.tokens
    tokens.unusable.replace(found.names, found.findings)
    tokens.unusable.note_keys(records=found.records, unreadable=found.unreadable)
    if first or (own and found.renewed):
        runtime.log.info("token_keys_checked", key=tokens.vault.mark, records=found.records, renewed=found.renewed,
                         unreadable=found.unreadable)  # fmt: skip
    for finding in found.findings:
        await _notice(runtime, finding)
    if first and not found.records:
        await _notice_empty(runtime)


class _Judge:
    """Compares issuers with those of the worker's apps. Most records have the same one."""

    def __init__(self, all_ours: Sequence[Issuer]) -> None:
        self._all_ours = all_ours
        self._known: dict[bytes, _Reason | None] = {}

    def compare(self, issuer: bytes) -> _Reason | None:
        """Compare an issuer as it is stored. A record of an older version has none, and is ours."""
        if issuer not in self._known:
            self._known[issuer] = _compare(Issuer.from_json(issuer), self._all_ours)
        return self._known[issuer]


def _compare(theirs: Issuer | None, all_ours: Sequence[Issuer]) -> _Reason | None:
    if theirs is None or not all_ours or theirs in all_ours:
        return None
    ours = next((one for one in all_ours if one.app_key == theirs.app_key), None)
    if ours is None:
        return _Reason("other_app", theirs.app_key, " and ".join(one.app_key for one in all_ours))
    if theirs.auth_url != ours.auth_url:
        return _Reason("other_host", theirs.auth_url, ours.auth_url)
    return _Reason("other_host", theirs.api_url, ours.api_url)


async def _find_shops(
    runtime: Runtime, reasons: Mapping[_Reason, Collection[str]]
) -> tuple[dict[_Reason, set[str]], set[str]]:
    """Find the shops of the registry that these authorizations cover, and those that no other consent works for."""
    found: dict[_Reason, set[str]] = {reason: set() for reason in reasons}
    stopped: set[str] = set()
    by_name = {name: reason for reason, names in reasons.items() for name in names}
    async for page in scan_shops(runtime.redis, runtime.partitions):
        for shop_id, entry in page.items():
            unusable = [by_name.get(name) for name in _list_consents(entry)]
            for reason in filter(None, unusable):
                found[reason].add(shop_id)
            if unusable and all(unusable):
                stopped.add(shop_id)
    return found, stopped


def _list_consents(entry: bytes) -> list[str]:
    """List the authorizations that matter for the work of a shop: its only one, and of several the active ones."""
    if _ALSO not in entry:  # not parsed: it is so for nearly all, and there may be 100,000
        return [entry.partition(_AUTHORIZATION)[2].partition(b'"')[0].decode(errors="replace")]
    try:
        views = list(list_views(ShopOfApps.from_json(entry)))
    except ValueError:  # another program's entry
        return []
    return [view.authorization for view in views if not view.also or view.status == "active"]


async def _notice(runtime: Runtime, finding: Finding) -> None:
    """Log a finding, unless a worker has logged it within a day."""
    if await _is_new(runtime, "|".join(finding[:3])):
        runtime.log.error(
            "authorizations_unusable", finding=finding.title, advice=finding.remedy, kind=finding.kind,
            authorizations=finding.authorizations, shops=finding.shops, effect="no call is made for them, and nothing"
            " is deleted; they go on when it is right again",
        )  # fmt: skip


async def _notice_empty(runtime: Runtime) -> None:
    counts = [await runtime.redis.hlen(Partition(number).registry) for number in range(runtime.partitions)]  # type: ignore[misc]
    if not any(counts) and await _is_new(runtime, "empty"):
        runtime.log.info("no_shop_authorized", advice=_EMPTY)


async def _is_new(runtime: Runtime, what: str) -> bool:
    digest = hashlib.sha256(what.encode()).hexdigest()[:16]
    return bool(await runtime.redis.set(noticed_key(digest), 1, nx=True, ex=_NOTICE_SECONDS))
