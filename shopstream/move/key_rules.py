"""Say of each key of `shopstream/redis/keys.py` and `deployment_keys.py` how it moves to another Redis.

A key is named here by its word: the text behind the partition's prefix, up to the next colon. A test compares the table
with the functions that make the keys.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from shopstream.ids import is_id
from shopstream.redis.keys import MOVING

How = Literal["whole", "fields", "members", "letters", "home", "run", "stays"]
"""The way of a key.

`whole`: as one, to the partition of the name that its own name ends with. `fields`, `members`: those of a hash or
sorted set, each to the partition of its owner. `letters`: the entries of a stream, each to the partition of its shop.
`home`: as one, since it lies in partition 0 of each deployment. `run`: with the checkpoint of the walk that it belongs
to. `stays`: not at all.
"""


@dataclass(frozen=True, slots=True)
class KeyRule:
    """The way of one key.

    Attributes:
        how: the way.
        part: of a field or member, split at colons: the place of its owner.
        early: true if workers alone write it. It moves while clients still enqueue.
        reason: of a key that stays.
    """

    how: How
    part: int = 0
    early: bool = False
    reason: str = ""


_WHOLE: Final = KeyRule("whole")
_WHOLE_EARLY: Final = KeyRule("whole", early=True)
_HOME: Final = KeyRule("home")
_LETTERS: Final = KeyRule("letters")
_RUN: Final = KeyRule("run")
_EVENTS: Final = KeyRule("stays", reason="consumers read the events of the source to their end")
_LIVING: Final = KeyRule("stays", reason="it lives for seconds, and belongs to processes of the source")
_CALLER: Final = KeyRule("stays", reason="its caller waits at the source")

RULES: Final[dict[str, KeyRule]] = {
    "state": _WHOLE_EARLY,
    "token": _WHOLE_EARLY,
    "pace": _WHOLE_EARLY,
    "sequence": _WHOLE_EARLY,
    "page_size": _WHOLE_EARLY,
    "ring": _WHOLE_EARLY,
    "registry": KeyRule("fields", early=True),
    "sellers": KeyRule("fields", early=True),
    "token_ends": KeyRule("fields", early=True),
    "glance": KeyRule("fields", early=True),
    "gone": KeyRule("members", early=True),
    "notified": KeyRule("members", part=1, early=True),
    "settings": KeyRule("fields"),
    "due": KeyRule("stays", reason="a text is in its place by then, and its members are in `due_kept`"),
    "due_kept": KeyRule("members", part=1),
    "backlog": _WHOLE,
    "claimed": _WHOLE,
    "tries": _WHOLE,
    "asked": _WHOLE,
    "notices": _WHOLE,
    "walk": _WHOLE,
    "code": _WHOLE,
    "listed": _RUN,
    "dead": _LETTERS,
    "dead-of": _LETTERS,
    "invite": _HOME,
    "invite_lock": _HOME,
    "begun": _HOME,
    "held": _HOME,
    "holds": _HOME,
    "idempotency": _HOME,
    "session": _HOME,
    "audit": _HOME,
    "products": _EVENTS,
    "stock": _EVENTS,
    "shops": _EVENTS,
    "retention": KeyRule("stays", reason="it counts what was trimmed from the streams of the source"),
    "epoch": KeyRule("stays", reason="the target begins epochs of its own"),
    "lease": KeyRule("stays", reason="nothing runs while keys move"),
    "clock": KeyRule("stays", reason="it is of the source's clock"),
    "ready": KeyRule("stays", reason="its members are in `due` too"),
    "rings": KeyRule("stays", reason="it sums up a partition, whose shops go to several"),
    "noticed": KeyRule("stays", reason="a finding is logged once more"),
    "sound": KeyRule("stays", reason="the next survey writes it again"),
    "survey": KeyRule("stays", reason="workers of the target survey their own records"),
    "surveying": _LIVING,
    "request": KeyRule("stays", reason="its name has no shop; its ids are in the backlog"),
    "order": _CALLER,
    "reply": _CALLER,
    "workers": _LIVING,
    "worker": _LIVING,
    "sweepers": _LIVING,
    "spare": _LIVING,
    "refused": _LIVING,
    "wake": _LIVING,
    "members": _LIVING,
    "owner": _LIVING,
}
"""Word of a key → its way."""

DEPLOYMENT: Final[dict[str, str]] = {
    "PARTITIONS": "the target has its own number",
    "LAYOUT_KEY": "the target gets the same",
    "PAUSED": "it is copied at the end",
    "DICTIONARY_IN_USE": "the dictionaries are copied before the states, and this number with them",
    "MOVE": "the source's mark",
    "MOVER": "the source's hold of the moving process",
    "ARRIVAL": "the target's progress",
}
"""Keys without a partition, by the name of their constant."""

_NAME: Final = re.compile(rb"shopstream:\{([0-9]{1,4})\}:([a-z_-]+)(?::(.+))?", re.DOTALL)
_ORDERED: Final = ("dry:", "webhooks:", "trim:", MOVING)
"""Beginnings of members of `due` that stay: their callers wait at the source, or workers make them anew."""


@dataclass(frozen=True, slots=True)
class KeyName:
    """A key by its parts.

    Attributes:
        key: as Redis has it.
        partition: its number.
        word: the word of its rule.
        rest: the text behind the word; "" without any.
        rule: its way.
    """

    key: bytes
    partition: int
    word: str
    rest: str
    rule: KeyRule

    @property
    def owner(self) -> str:
        """The shop, authorization or request by whose name its partition is computed."""
        return self.rest.rpartition(":")[2]

    @property
    def is_run(self) -> bool:
        """True for the counts of a run, which are named like a shop's walks, and move with these."""
        return self.word == "walk" and not is_id(self.rest)

    def place_in(self, partition: int) -> bytes:
        """Name the same key of another partition."""
        return b"shopstream:{%d}:%b" % (partition, self.key.partition(b"}:")[2])


def read_key(key: bytes) -> KeyName | None:
    """Read the name of a key; None if it is none of a partition, or no rule knows it."""
    found = _NAME.fullmatch(key)
    if found is None:
        return None
    word = found[2].decode()
    if (rule := RULES.get(word)) is None:
        return None
    rest = (found[3] or b"").decode(errors="replace")
    return KeyName(key=key, partition=int(found[1]), word=word, rest=rest, rule=rule)


def find_owner(word: str, name: bytes) -> str | None:
    """Find the owner of a field or member of a shared key; None if it stays."""
    text = name.decode(errors="replace")
    if word == "due_kept" and text.startswith(_ORDERED):
        return None
    part = RULES[word].part
    parts = text.split(":")
    return parts[part] if len(parts) > part else None
