"""Keep who changed what on the dashboard, and how many it affected."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shopstream.redis.deployment_keys import audit_key

KEPT: Final = 10_000
"""Entries that are kept, about."""
AuditOutcome = Literal["done", "failed"]


class AuditEntry(NamedTuple):
    """One change by a person.

    Attributes:
        entry: the id in the stream; it begins with ms of Redis's clock.
        who: the name of the person's token.
        act: the change, as "requeue dead letters".
        subject: the thing that was changed, as a shop's id.
        affected: the number of things that were affected.
        outcome: `done`, or `failed` if an error ended it: a part may be done.
    """

    entry: str
    who: str
    act: str
    subject: str
    affected: int
    outcome: str

    @property
    def at_ms(self) -> int:
        """Give the moment in ms of Redis's clock."""
        return int(self.entry.partition("-")[0])


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """The stream of changes."""

    redis: Redis

    async def write(self, *, who: str, act: str, subject: str, affected: int, outcome: AuditOutcome = "done") -> str:
        """Add an entry, and return its id."""
        fields: dict[str, str | int] = {
            "who": who,
            "act": act,
            "subject": subject,
            "affected": affected,
            "outcome": outcome,
        }
        entry: bytes = await self.redis.xadd(audit_key(), fields, maxlen=KEPT, approximate=True)  # type: ignore[arg-type]
        return entry.decode()

    async def find(self, entry: str) -> AuditEntry | None:
        """Find an entry by its id; None if it isn't there."""
        try:
            found = await self.redis.xrange(audit_key(), entry, entry, count=1)
        except ResponseError:
            return None  # no id of a stream
        return _read(*found[0]) if found else None

    async def list_newest(self, count: int, before: str = "+") -> list[AuditEntry]:
        """List entries, newest first.

        Args:
            count: the most entries.
            before: the id of the entry after which the list goes on.
        """
        end = before if before == "+" else f"({before}"
        return [_read(*one) for one in await self.redis.xrevrange(audit_key(), end, "-", count=count)]


def _read(entry: bytes, fields: Mapping[bytes, bytes]) -> AuditEntry:
    texts = {name.decode(): value.decode(errors="replace") for name, value in fields.items()}
    affected = texts.get("affected", "")
    return AuditEntry(
        entry=entry.decode(),
        who=texts.get("who", ""),
        act=texts.get("act", ""),
        subject=texts.get("subject", ""),
        affected=int(affected) if affected.isdecimal() else 0,
        outcome=texts.get("outcome", ""),
    )
