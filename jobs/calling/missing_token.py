"""Decide the consequences of a token that is not to be had, for the shop and for the work that needs it."""

from collections.abc import Awaitable, Callable

from jobs.calling import retry
from jobs.shops.reports import park
from jobs.shops.shop_access import Deferred
from shopstream.registry.shop import Shop
from worker.runtime import Runtime
from worker.shops.standing import TOKEN
from worker.tokens.authorizations import ReauthorizationRequired, RecordUnusable, RefreshUnavailable, TokenError
from worker.tokens.unusable import LEAST_SECONDS


async def stop(
    runtime: Runtime, entry: Shop, error: TokenError, report_trouble: Callable[[str, TokenError], Awaitable[int]]
) -> Exception:
    """Park the shop, report the trouble or wait. Return the error to raise.

    Args:
        runtime: the worker's parts.
        entry: the registry's entry of the shop.
        error: the reason.
        report_trouble: stores a trouble of the token host, and gives the moment of the next try in ms of Redis's clock.
    """
    if isinstance(error, ReauthorizationRequired):
        await park(runtime, entry, error.reason)
        return error
    if isinstance(error, RefreshUnavailable):
        if error.error is None:
            return Deferred(str(error), seconds=error.seconds)
        return Deferred(str(error), await report_trouble(TOKEN, error))
    if isinstance(error, RecordUnusable):
        # The survey reports all such records in one line.
        return Deferred(str(error), seconds=LEAST_SECONDS)
    runtime.log.error("shop_without_token", shop=entry.shop_id, reason=str(error))
    return Deferred(str(error), seconds=retry.TOKEN_SECONDS)
