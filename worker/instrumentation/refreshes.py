"""Report the outcome of each token refresh."""

from collections.abc import Awaitable, Callable

from worker.instrumentation.instrument import Instrument
from worker.marketplace.call_errors import CallError, RefreshRefused, Unreachable
from worker.marketplace.values import Grant

Refresh = Callable[[str], Awaitable[Grant]]


def report_refreshes(refresh: Refresh, instrument: Instrument) -> Refresh:
    """Wrap a refresh, so that `instrument` gets its outcome."""

    async def call(refresh_token: str) -> Grant:
        try:
            grant = await refresh(refresh_token)
        except RefreshRefused:
            instrument.report_refresh("refused")
            raise
        except CallError as error:
            instrument.report_refresh("unreached" if isinstance(error, Unreachable) else "unavailable")
            raise
        instrument.report_refresh("renewed")
        return grant

    return call
