"""Take turns at surveying the token records, and share the findings, among workers with the same settings.

What a worker can use depends on its apps, its hosts and its token keys. Workers that agree in these have one survey.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec
from redis.asyncio import Redis

from shopstream.authorizations.findings import Finding
from shopstream.authorizations.issuer import Issuer
from shopstream.redis.deployment_keys import survey_key, surveying_key

_TURN_MS: Final = 10_000
"""Milliseconds after which another worker surveys, if one has died in its turn."""
_KEEP_SECONDS: Final = 900
"""Seconds for which findings are kept."""


class Survey(msgspec.Struct, frozen=True):
    """The outcome of a survey.

    Attributes:
        begun_ms: its begin, in ms of Redis's clock. Nothing that was stored before it is missing.
        records: the token records that were read.
        unreadable: those that no key opens.
        renewed: those that were encrypted by the first key.
        findings: the reasons why some can't be used.
        names: the ids of these authorizations, and of their shops.
    """

    begun_ms: int
    records: int
    unreadable: int
    renewed: int
    findings: Sequence[Finding]
    names: Sequence[str]


_decoder: Final = msgspec.json.Decoder(Survey)


class SurveyTurn:
    """The turn of workers with the same keys, apps and hosts."""

    def __init__(self, redis: Redis, marks: Sequence[str], issuers: Sequence[Issuer]) -> None:
        """Take the marks of the token keys, in order, and the issuers of the worker's apps."""
        facts = "|".join([*marks, *sorted(issuer.to_json() for issuer in issuers)])
        digest = hashlib.sha256(facts.encode()).hexdigest()[:16]
        self._redis = redis
        self._survey, self._surveying = survey_key(digest), surveying_key(digest)

    async def read(self, since_ms: int) -> Survey | None:
        """Read the last survey, if it has begun at `since_ms` of Redis's clock or later."""
        stored = await self._redis.get(self._survey)
        with suppress(msgspec.DecodeError):  # a newer version's
            if stored and (found := _decoder.decode(stored)).begun_ms >= since_ms:
                return found
        return None

    async def take(self) -> bool:
        """Take the turn; False if another worker has it."""
        return bool(await self._redis.set(self._surveying, 1, nx=True, px=_TURN_MS))

    async def renew(self) -> None:
        """Keep the turn while a survey goes on."""
        await self._redis.pexpire(self._surveying, _TURN_MS)

    async def share(self, survey: Survey) -> None:
        """Give a survey to the others."""
        await self._redis.set(self._survey, msgspec.json.encode(survey), ex=_KEEP_SECONDS)

    async def end(self) -> None:
        """End the turn."""
        await self._redis.delete(self._surveying)
