"""Tell of each refresh of a token pair what the token host answered."""

from collections.abc import Awaitable, Callable

from worker.instrumentation.instrument import Instrument
from worker.tiktok.auth import Grant
from worker.tiktok.tiktok_errors import RefreshRefused, TikTokError, Unreachable

Refresh = Callable[[str], Awaitable[Grant]]


def report_refreshes(refresh: Refresh, instrument: Instrument) -> Refresh:
    """Make the same refresh, of which `instrument` is told."""

    async def call(refresh_token: str) -> Grant:
        try:
            grant = await refresh(refresh_token)
        except RefreshRefused:
            instrument.report_refresh("refused")
            raise
        except TikTokError as error:
            instrument.report_refresh("unreached" if isinstance(error, Unreachable) else "unavailable")
            raise
        instrument.report_refresh("renewed")
        return grant

    return call
