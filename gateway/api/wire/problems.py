"""Answer errors as problem details (RFC 9457): a fixed type, a sentence, and the remedy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from aiohttp import web
from redis.exceptions import RedisError

from shopstream import (
    EmptyRedis,
    InvalidArgument,
    NoSuchLetter,
    UnknownProduct,
    UnknownRequest,
    UnknownShop,
    UnknownSku,
)
from shopstream.errors import Moved

CONTENT_TYPE: Final = "application/problem+json"
_TYPE: Final = "urn:shopstream:problem:"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of error.

    Attributes:
        name: the end of its `type`. It never changes.
        status: the HTTP status.
        title: one sentence.
        remedy: the caller's next step.
    """

    name: str
    status: int
    title: str
    remedy: str


class ProblemDocument(msgspec.Struct, omit_defaults=True):
    """The body of an error, application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str


@dataclass(slots=True, eq=False)
class Problem(Exception):
    """An error with its answer.

    Attributes:
        kind: its kind.
        detail: this case of it, one sentence.
        headers: headers of its answer.
    """

    kind: ProblemKind
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> ProblemDocument:
        """Make the body of the answer."""
        kind = self.kind
        return ProblemDocument(
            type=f"{_TYPE}{kind.name}",
            title=kind.title,
            status=kind.status,
            detail=self.detail or kind.title,
            remedy=kind.remedy,
        )

    def answer(self) -> web.Response:
        """Make the answer."""
        body = msgspec.json.encode(self.document())
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **self.headers}
        return web.Response(status=self.kind.status, body=body, content_type=CONTENT_TYPE, headers=headers)


UNAUTHENTICATED: Final = ProblemKind(
    "unauthenticated", 401, "The call has no valid token.", "Send a token as Authorization: Bearer TOKEN."
)
FORBIDDEN: Final = ProblemKind(
    "forbidden", 403, "The role of this token does not allow the call.", "Use a token of the role that detail names."
)
TOO_MANY_FAILURES: Final = ProblemKind(
    "too-many-failures",
    429,
    "Too many calls without a valid token came from this address.",
    "Mend the token, then wait.",
)
TOO_MANY_REQUESTS: Final = ProblemKind(
    "too-many-requests", 429, "This token sends too many calls.", "Wait for the seconds in Retry-After."
)
NO_SUCH_PATH: Final = ProblemKind("no-such-path", 404, "The API has no such path.", "Read /v1/openapi.json.")
WRONG_METHOD: Final = ProblemKind(
    "wrong-method", 405, "The path does not take this method.", "Use a method of the header Allow."
)
NOT_FOUND: Final = ProblemKind("not-found", 404, "Nothing of this name is known.", "Read detail.")
INVALID_PARAMETER: Final = ProblemKind(
    "invalid-parameter", 400, "A part of the path, the query or a header is not valid.", "Mend the part in detail."
)
MALFORMED_BODY: Final = ProblemKind("malformed-body", 400, "The body is no JSON.", "Send one JSON object in UTF-8.")
INVALID_BODY: Final = ProblemKind("invalid-body", 422, "The body has a wrong shape.", "Mend the field in detail.")
TOO_LARGE: Final = ProblemKind("too-large", 413, "The body is over 65,536 bytes.", "Send several smaller calls.")
ENCODED_BODY: Final = ProblemKind("encoded-body", 415, "The body is compressed.", "Send it without Content-Encoding.")
SLOW_BODY: Final = ProblemKind("slow-body", 408, "The body took more than 5 s.", "Send it faster.")
KEY_REUSED: Final = ProblemKind(
    "idempotency-key-reused", 422, "The Idempotency-Key belongs to another call.", "Use a new key for a new call."
)
KEY_IN_USE: Final = ProblemKind(
    "idempotency-key-in-use", 409, "A call with this Idempotency-Key still runs.", "Send it again in a second."
)
NOT_READY: Final = ProblemKind(
    "not-ready", 503, "No worker has started on this Redis.", "Start a worker, then send the call again."
)
MOVED: Final = ProblemKind(
    "moved",
    503,
    "The deployment has moved to another Redis, or is about to.",
    "Set the gateway's SHOPSTREAM_REDIS_URL to the place that the detail names.",
)
UNAVAILABLE: Final = ProblemKind(
    "unavailable", 503, "Redis is away, full or refuses the call.", "Send the call again; it may have been done."
)
ALL: Final = (
    UNAUTHENTICATED, FORBIDDEN, TOO_MANY_FAILURES, TOO_MANY_REQUESTS, NO_SUCH_PATH, WRONG_METHOD, NOT_FOUND,
    INVALID_PARAMETER, MALFORMED_BODY, INVALID_BODY, TOO_LARGE, ENCODED_BODY, SLOW_BODY, KEY_REUSED, KEY_IN_USE,
    NOT_READY, MOVED, UNAVAILABLE,
)  # fmt: skip
"""All kinds, for the documentation."""
_MISSING: Final = (UnknownShop, UnknownSku, UnknownProduct, UnknownRequest, NoSuchLetter)


def problem_of(error: Exception) -> Problem | None:
    """Translate an error of the package or of Redis; None for one that no caller can cause."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, _MISSING):
        return Problem(NOT_FOUND, str(error))
    if isinstance(error, InvalidArgument):
        return Problem(INVALID_PARAMETER, str(error))
    if isinstance(error, EmptyRedis):
        kind, detail = (MOVED, str(error)) if isinstance(error, Moved) else (NOT_READY, "")
        return Problem(kind, detail, headers={"Retry-After": "5"})
    if isinstance(error, (RedisError, OSError)):
        return Problem(UNAVAILABLE, headers={"Retry-After": "2"})  # Redis's own text may quote a command
    return None
