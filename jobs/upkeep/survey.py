"""Survey the token records at a worker's start and every five minutes: those that it can use, and by which key.

The survey logs one line for all records that can't be used for one reason, once a day for all workers together. It
encrypts the others by this worker's first key, so that keys can be renewed while workers run. Each worker does so
itself, since the others may not have the new key yet.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, NoReturn

from redis.exceptions import RedisError

from shopstream.authorizations.findings import Finding, FindingKind
from shopstream.authorizations.issuer import Issuer
from shopstream.redis.deployment_keys import noticed_key
from shopstream.redis.keys import Partition
from shopstream.registry.shop_of_apps import ShopOfApps, list_views
from worker.runtime import Runtime
from worker.tokens.token_records import TokenRecord, TokenRecords
from worker.tokens.vault import Undecryptable

EVERY_SECONDS: Final = 300.0
"""Seconds between two surveys, if nothing strange is met meanwhile."""
_AGAIN_SECONDS: Final = 5.0
"""Seconds until the next survey if Redis can't be reached."""
_TOGETHER_SECONDS: Final = 1.0
"""Seconds from the first record that a load can't use, or a new consent, to the next survey."""
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


async def survey(runtime: Runtime) -> NoReturn:
    """Survey the token records without end."""
    first, records = True, TokenRecords(runtime.redis, runtime.tokens.vault, runtime.partitions)
    while True:
        wait = EVERY_SECONDS
        try:
            await look(runtime, records, first=first)
            first = False
        except (RedisError, OSError) as error:
            runtime.log.warning("token_keys_unchecked", error=type(error).__name__)
            wait = _AGAIN_SECONDS
        with suppress(TimeoutError):
            await asyncio.wait_for(runtime.tokens.unusable.met.wait(), wait)
            await asyncio.sleep(_TOGETHER_SECONDS)  # records that come together are one finding


async def look(runtime: Runtime, records: TokenRecords, *, first: bool) -> None:
    """Survey the token records once: hold those that can't be used, encrypt the others, and log what is new.

    The old key may be removed once each worker with the new one has logged `token_keys_checked` with `unreadable` 0.
    """
    tokens = runtime.tokens
    tokens.unusable.met.clear()
    reasons: defaultdict[_Reason, set[str]] = defaultdict(set)
    outdated: list[str] = []
    number = unreadable = 0
    async for part in records.read_all():
        number += len(part)
        for record in part:
            try:
                if not records.check(record):
                    outdated.append(record.name)
                reason = _compare(record, tokens.apps.issuers)
            except Undecryptable as error:
                unreadable += 1
                reason = _compare(record, tokens.apps.issuers) or _Reason("moved" if error.moved else "no_key")
            if reason:
                reasons[reason].add(record.name)
        await asyncio.sleep(0)
    covered, stopped = await _find_shops(runtime, reasons) if reasons else ({}, set())
    findings = [
        Finding(*reason, authorizations=len(names), shops=len(covered[reason])) for reason, names in reasons.items()
    ]
    tokens.unusable.replace([*stopped, *(name for group in reasons.values() for name in group)], findings)
    renewed = sum([await records.rotate(name) for name in outdated])
    tokens.unusable.note_keys(records=number, unreadable=unreadable)
    if first or renewed:
        runtime.log.info("token_keys_checked", key=tokens.vault.mark, records=number, renewed=renewed,
                         unreadable=unreadable)  # fmt: skip
    for finding in findings:
        await _notice(runtime, finding)
    if first and not number:
        await _notice_empty(runtime)


def _compare(record: TokenRecord, all_ours: Sequence[Issuer]) -> _Reason | None:
    """Compare a record's issuer with those of the worker's apps. A record of an older version has none, and is ours."""
    theirs = Issuer.from_json(record.issuer)
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
    for number in range(runtime.partitions):
        for entry in await runtime.redis.hvals(Partition(number).registry):  # type: ignore[misc]
            with suppress(ValueError):  # another program's entry
                shop = ShopOfApps.from_json(entry)
                unusable = [by_name.get(view.authorization) for view in list_views(shop) if _counts(view)]
                for reason in filter(None, unusable):
                    found[reason].add(shop.shop_id)
                if unusable and all(unusable):
                    stopped.add(shop.shop_id)
    return found, stopped


def _counts(view: ShopOfApps) -> bool:
    """Tell whether a consent matters for the work of its shop: the only one does, and of several the active ones."""
    return not view.also or view.status == "active"


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
