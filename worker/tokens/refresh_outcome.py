"""Judge a refresh that brought no pair. A refused refresh token alone ends a consent. Pure."""

from dataclasses import dataclass
from typing import Final

from worker.marketplace.call_errors import CallError, RefreshRefused, Unreachable, is_doubtful
from worker.tokens.authorizations import ReauthorizationRequired, RefreshUnavailable, TokenError

LEAST_MS: Final = 60_000
"""Milliseconds at least between two refreshes of one authorization, and between two lists of its shops."""
_UNREACHED_AGAIN_MS: Final = 5_000
_UNKNOWN_AGAIN_MS: Final = 600_000


@dataclass(frozen=True, slots=True)
class RefreshOutcome:
    """The consequences of a refresh that brought no pair.

    Attributes:
        failure: the error for who needs a pair.
        reason: the reason why the seller must consent again; "" if it is not so.
        wait_ms: milliseconds until the next call.
        spent: the refresh token is taken for spent, and the access token is used up first.
        unspent: TikTok can't have spent the refresh token in this call.
        unreached: TikTok wasn't reached.
    """

    failure: TokenError
    reason: str = ""
    wait_ms: int = LEAST_MS
    spent: bool = False
    unspent: bool = False
    unreached: bool = False


def judge_refusal(error: RefreshRefused, usable_ms: int, *, after_unknown: bool) -> RefreshOutcome:
    """Judge an answer that refuses the refresh token.

    Args:
        error: the refusal.
        usable_ms: milliseconds for which the present access token works; 0 if TikTok no longer takes it.
        after_unknown: an earlier call has an unknown end, and may have spent the refresh token.
    """
    if after_unknown and usable_ms > 0:
        # The access token works until it ends; the log warns meanwhile.
        failure = RefreshUnavailable("an earlier refresh has an unknown end; the present token is used up first")
        return RefreshOutcome(failure, wait_ms=min(usable_ms, _UNKNOWN_AGAIN_MS), spent=True)
    reason = "refresh_outcome_unknown" if after_unknown else f"TikTok refused the refresh token: {error}"
    return RefreshOutcome(ReauthorizationRequired(reason), reason)


def judge_failure(error: CallError, *, after_unknown: bool) -> RefreshOutcome:
    """Judge a call in which TikTok didn't judge the consent.

    After a time-out or HTTP 5xx the refresh token may be spent. Any other answer means that it isn't spent.
    """
    unreached = isinstance(error, Unreachable)
    wait_ms = _UNREACHED_AGAIN_MS if unreached else LEAST_MS
    failure = RefreshUnavailable(f"the token pair could not be renewed: {error}", wait_ms / 1000, error)
    unspent = not after_unknown and not is_doubtful(error)
    return RefreshOutcome(failure, wait_ms=wait_ms, unspent=unspent, unreached=unreached)
