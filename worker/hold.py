"""Rest of a process whose own credentials are refused, so that others, which may be right, get the work."""

import time
from typing import Final

import structlog

from worker.tiktok.errors import CredentialsRefused

_FIRST: Final = 5.0
_MOST: Final = 60.0
_ADVICE: Final = (
    "check this worker's app key and secret, its clock, its address in the app's allow list, its certificates"
)


class Hold:
    """Seconds of rest after each refusal: 5, 10, 20 … 60, until a call succeeds."""

    def __init__(self) -> None:
        self._until = 0.0
        self._seconds = 0.0

    @property
    def resting(self) -> bool:
        """Whether nothing that calls TikTok should be begun."""
        return time.monotonic() < self._until

    @property
    def seconds_left(self) -> float:
        """Seconds of rest that are left."""
        return max(0.0, self._until - time.monotonic())

    def begin(self, error: CredentialsRefused) -> None:
        """Rest; calls that were under way together count once."""
        if self.resting:
            return
        self._seconds = min(_MOST, max(_FIRST, 2 * self._seconds))
        self._until = time.monotonic() + self._seconds
        structlog.get_logger("worker.hold").error(
            "credentials_refused", error=error.error_class, code=error.code, message=error.message,
            request_id=error.request_id, rests_seconds=self._seconds, advice=_ADVICE,
        )  # fmt: skip

    def end(self) -> None:
        """A call has succeeded: nothing is wrong with this process."""
        self._until = self._seconds = 0.0
