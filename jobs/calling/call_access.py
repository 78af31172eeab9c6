"""Hold the token and cipher of a shop's calls, and mend them once for all calls that are under way.

TikTok may refuse a token or a cipher at any call. Others under way then get the same refusal of the same pair.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from jobs.calling import missing_token, retry
from jobs.shops.coverage import heal
from jobs.shops.shop_access import Deferred, NotCovered, access_to
from shopstream.registry.shop import Shop
from worker.marketplace.call_errors import CallError
from worker.marketplace.values import Access
from worker.runtime import Runtime
from worker.tokens.authorizations import ReauthorizationRequired, RefreshUnavailable, TokenError

RENEWALS_MAX: Final = 2
"""Renewed tokens that TikTok may refuse in one piece of work. The first may be another worker's, replaced since."""


class Again(Exception):
    """The call says nothing about its id. It may be sent once more, under another permit."""


class CallAccess:
    """The token and cipher of a shop, for one piece of work."""

    def __init__(
        self,
        runtime: Runtime,
        entry: Shop,
        *,
        optional: bool,
        fail: Callable[[CallError], Awaitable[Deferred]],
        report_trouble: Callable[[str, CallError | TokenError], Awaitable[int]],
    ) -> None:
        """Hold nothing yet: both are loaded at the first call.

        Args:
            runtime: the worker's parts.
            entry: the registry's entry of the shop.
            optional: True if the shop can do without what is called. A refusal is then raised, and is no trouble.
            fail: stores the trouble of what is called, and gives the pause until its next call.
            report_trouble: stores a trouble of an endpoint or the token, and gives the moment of the next try, in ms of
                Redis's clock.
        """
        self._runtime = runtime
        self._entry = entry
        self._optional = optional
        self._fail = fail
        self._report_trouble = report_trouble
        self._held: tuple[Access, int] | None = None
        self._mending = asyncio.Lock()
        self._renewals = 0
        self._healed: tuple[str, int] | None = None

    async def take(self) -> tuple[Access, int]:
        """Give token and cipher, and the version of the pair.

        Raises:
            Again: they have just been mended, and the moment of the call's permit has passed meanwhile.
            Deferred, ReauthorizationRequired: they are not to be had.
        """
        if self._mending.locked():
            async with self._mending:
                raise Again
        if self._held is None:
            async with self._mending:
                problem = await self._load(None)
            if not isinstance(problem, Again):
                raise problem
        if self._held is None:
            raise AssertionError("a fetched token was not kept")
        return self._held

    async def renew(self, version: int, error: CallError) -> Exception:
        """Renew a refused token once for all calls that are under way, and return the error to raise."""
        async with self._mending:
            if self._held and self._held[1] > version:
                return Again()
            if self._renewals >= RENEWALS_MAX:
                return await self._end(error)
            found = await self._load(version, error)
            # Count new tokens alone: a refusal of the old one comes once for each call that was under way with it.
            self._renewals += isinstance(found, Again)
            return found

    async def relist(self, access: Access, version: int, error: CallError) -> Exception:
        """List the shops once after a refused cipher, and return the error to raise.

        If the cipher hasn't changed, the token is renewed, since TikTok may mean that one.
        """
        async with self._mending:
            if self._held and (self._held[0].cipher != access.cipher or self._held[1] > version):
                return Again()
            known, self._healed = self._healed, (access.cipher, version)
            if known and known[0] == access.cipher and version > known[1]:
                return await self._end(error)
            # Calls that were under way together have the same cipher and pair: the first has listed for all of them.
            if known != self._healed and (stopped := await self._heal(access.cipher, error)):
                return stopped
        return await self.renew(version, error)

    async def _heal(self, refused: str, error: CallError) -> Exception | None:
        """List the shops for another cipher. Return the error to raise; None if the cipher is the same."""
        try:
            await heal(self._runtime, self._entry, refused)
        except Deferred as wait:
            return wait if self._optional else await self._fail(error)
        except ReauthorizationRequired as stopped:
            return stopped
        except TokenError as unavailable:
            return await self._stop(unavailable, error)
        authorization = await self._runtime.tokens.load(self._entry.authorization)
        same = authorization.ciphers.get(self._entry.shop_id) == refused
        return None if same else await self._load(None)

    async def _end(self, error: CallError) -> Exception:
        """Return the error to raise for a refusal that neither another token nor another cipher has mended."""
        return error if self._optional else await self._fail(error)

    async def _load(self, refused: int | None, error: CallError | None = None) -> Exception:
        """Load token and cipher. Return Again if both are there, else the error that prevents it.

        Args:
            refused: the version of a refused pair; None if no pair was refused.
            error: TikTok's refusal of that pair.
        """
        for _ in range(2):
            try:
                self._held = await access_to(self._runtime, self._entry, newer_than=refused)
            except NotCovered:
                try:
                    await heal(self._runtime, self._entry, None)
                except (Deferred, ReauthorizationRequired) as stopped:
                    return stopped
                except TokenError as unavailable:
                    return await self._stop(unavailable)
            except TokenError as unavailable:
                return await self._stop(unavailable, error)
            except Deferred as wait:
                return wait
            else:
                return Again()
        return Deferred("the shop's cipher could not be had", seconds=retry.REFUSED_SECONDS)

    async def _stop(self, error: TokenError, refused: CallError | None = None) -> Exception:
        if refused and isinstance(error, RefreshUnavailable) and error.error is None and not self._optional:
            # The pair was renewed within the last minute, or that failed: waiting without a word would go on for ever.
            return await self._fail(refused)
        return await missing_token.stop(self._runtime, self._entry, error, self._report_trouble)
