"""What came in, and how it was answered."""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Stats:
    """Counters. A call's class is `ok`, a code of TikTok's, `429`, or `fault:KIND`. Times are monotonic seconds."""

    calls: int = 0
    throttled: int = 0
    in_cooldown: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    by_path: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    by_counted: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    by_shop: Counter[str] = field(default_factory=Counter)
    by_shop_path: Counter[tuple[str, str]] = field(default_factory=Counter)
    last: dict[tuple[str, str], float] = field(default_factory=dict)
    gaps: dict[tuple[str, str], float] = field(default_factory=dict)

    def arrived(self, shop: str, endpoint: str, now: float) -> None:
        """Note a call's time, and how close it came after the one before."""
        key = (shop, endpoint)
        if key in self.last:
            self.gaps[key] = min(self.gaps.get(key, 1e9), now - self.last[key])
        self.last[key] = now

    def answered(self, shop: str, endpoint: str, answer: str) -> None:
        """Note an answer by its class."""
        self.calls += 1
        self.throttled += answer == "429"
        self.by_path[endpoint][answer] += 1
        self.by_shop[shop] += 1
        self.by_shop_path[shop, endpoint] += 1

    def document(self, paths: dict[str, str]) -> dict[str, Any]:
        """As `GET /_sandbox/stats` answers."""
        return {
            "calls": self.calls,
            "throttled": self.throttled,
            "in_cooldown": self.in_cooldown,
            "tokens": dict(self.tokens),
            "by_path": {endpoint: dict(answers) for endpoint, answers in self.by_path.items()},
            "by_app_path": {name: dict(answers) for name, answers in self.by_counted.items()},
            "paths": paths,
            "by_shop": dict(self.by_shop),
            "by_shop_path": {f"{shop} {path}": count for (shop, path), count in self.by_shop_path.items()},
            "min_gap_ms": {f"{shop} {path}": round(gap * 1000, 3) for (shop, path), gap in self.gaps.items()},
        }


class Record:
    """When each call arrived and how it was answered, to draw a rate over time."""

    def __init__(self) -> None:
        self.on = False
        self._began = 0.0
        self._rows: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)

    def switch(self, *, on: bool) -> None:
        """Begin an empty record now, or stop and keep it."""
        self.on = on
        if on:
            self._began = time.monotonic()
            self._rows.clear()

    def note(self, shop: str, endpoint: str, at: float, answer: str) -> None:
        """One call that arrived `at` (monotonic seconds)."""
        self._rows[shop, endpoint].append((at, answer))

    def document(self) -> dict[str, Any]:
        """As `GET /_sandbox/record` answers: seconds since it began, and 0 or a code."""
        return {
            "on": self.on,
            "now": round(time.monotonic() - self._began, 4),
            "record": {
                f"{shop} {endpoint}": [[round(at - self._began, 4), _code(answer)] for at, answer in rows]
                for (shop, endpoint), rows in self._rows.items()
            },
        }


def _code(answer: str) -> int | str:
    if answer == "ok":
        return 0
    return int(answer) if answer.isdigit() else answer
