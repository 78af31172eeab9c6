"""Judge what INFO says of a Redis server, and its clock. Workers at their start and `shopstream doctor` share this."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shopstream.redis.deployment_keys import LAYOUT, OLDEST_LAYOUT

FULL: Final = 0.85
"""Share of `maxmemory` above which nothing is claimed: ids still fit in, and events would not for long."""
ROOM: Final = 0.80
"""Below this share claiming goes on: the buffers of some clients must not switch it off and on."""
CLOCK_OFF_SECONDS: Final = 2.0
"""Difference of clocks from which on TikTok may refuse calls for their time."""
_OLDEST: Final = (6, 2)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a server.

    Attributes:
        refused: true if no worker starts on such a server.
        text: the fault.
        remedy: the act that ends it.
    """

    refused: bool
    text: str
    remedy: str


def judge_version(info: Mapping[str, Any]) -> Fault | None:
    """Judge the version of the server."""
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) >= _OLDEST:
        return None
    return Fault(refused=True, text=f"Redis {version} is too old", remedy="6.2 or later, or any Valkey, is needed")


def judge_policy(info: Mapping[str, Any]) -> Fault | None:
    """Judge the policy by which a full server makes room."""
    policy = info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return None
    text = f"maxmemory-policy is {policy}, which drops ids unseen"
    return Fault(refused=True, text=text, remedy="CONFIG SET maxmemory-policy noeviction")


def judge_persistence(info: Mapping[str, Any]) -> Fault | None:
    """Judge the append-only file."""
    if not info.get("aof_enabled"):
        text = "Redis has no append-only file: ids and events since its last dump are lost when it dies"
        return Fault(refused=False, text=text, remedy="CONFIG SET appendonly yes, and the same in its configuration")
    if info.get("aof_last_write_status", "ok") != "ok":
        text = "Redis could not write its append-only file: it refuses writes, or loses them when it dies"
        return Fault(refused=False, text=text, remedy="look at its disk and its log")
    return None


def judge_clock(off_seconds: float) -> Fault | None:
    """Judge the difference between this machine's clock and the server's."""
    if abs(off_seconds) < CLOCK_OFF_SECONDS:
        return None
    text = (
        f"this machine's clock is {off_seconds:+.1f} s off from Redis's: TikTok refuses calls signed with a wrong time"
    )
    return Fault(refused=False, text=text, remedy="synchronize both clocks by NTP")


def judge_layout(stored: bytes) -> Fault | None:
    """Judge the layout of the keys that workers have written."""
    written = int(stored) if stored.isdigit() else 0
    if OLDEST_LAYOUT <= written <= LAYOUT:
        return None
    text = f"the keys of this Redis have layout {_show(stored)}, and this version knows layout {LAYOUT}"
    return Fault(refused=True, text=text, remedy="install the version that the other workers have: docs/upgrade.md")


def _show(stored: bytes) -> str:
    """Make a text of stored bytes that fits a line."""
    return "".join(one if one.isprintable() else "?" for one in stored[:20].decode(errors="replace"))
