"""Find the holder of a call's bearer token, and compare its role with the endpoint's."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, get_args

from aiohttp import web

from gateway.api.access.rates import FailureRates, TokenRates
from gateway.api.wire.problems import (
    FORBIDDEN,
    TOO_MANY_FAILURES,
    TOO_MANY_REQUESTS,
    UNAUTHENTICATED,
    Problem,
)
from gateway.door import AccessToken, Role

_ROLES: Final[tuple[Role, ...]] = get_args(Role)


@dataclass(slots=True)
class Gate:
    """The check of each call, with the memory of its rates."""

    tokens: Sequence[AccessToken]
    _calls: TokenRates = field(default_factory=TokenRates)
    _failures: FailureRates = field(default_factory=FailureRates)

    def admit(self, request: web.Request, role: Role) -> AccessToken:
        """Return the token of a call that is allowed.

        Raises:
            Problem: the token is missing, unknown or of too small a role, or too many calls came.
        """
        token = find_token(self.tokens, request.headers.getall("Authorization", []))
        if token is None:
            # A valid token passes even so: it can't be guessed, and a proxy's address has many callers.
            if wait := self.count_failure(request.remote or ""):
                raise Problem(TOO_MANY_FAILURES, headers={"Retry-After": str(wait)})
            raise Problem(UNAUTHENTICATED, headers={"WWW-Authenticate": "Bearer"})
        if wait := self._calls.wait(token.name):
            raise Problem(TOO_MANY_REQUESTS, headers={"Retry-After": str(wait)})
        if _ROLES.index(token.role) < _ROLES.index(role):
            raise Problem(FORBIDDEN, f"The call needs the role {role}, and this token has the role {token.role}.")
        return token

    def count_failure(self, address: str) -> int:
        """Count a failure of an address. Return 0, or the seconds until one is answered as a failure again."""
        return self._failures.wait(address)


def find_token(tokens: Sequence[AccessToken], headers: Sequence[str]) -> AccessToken | None:
    """Find the token of an Authorization header, in a time that does not depend on its value."""
    scheme, _, value = (headers[0] if len(headers) == 1 else "").partition(" ")
    digest = hashlib.sha256(value.strip().encode(errors="surrogateescape")).hexdigest()
    found = None
    for token in tokens:
        if hmac.compare_digest(token.digest, digest):
            found = token
    return found if scheme.lower() == "bearer" else None
