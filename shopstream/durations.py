"""Read and write lengths of time as people do: 90s, 5m, 1h, 7d."""

import re
from typing import Final

_WRITTEN: Final = re.compile(r"([0-9]{1,9}) ?(s|m|min|h|d)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60))


def parse_duration(written: str) -> int | None:
    """Convert `90s`, `5m`, `1h` or `7d` to seconds; None for any other text."""
    found = _WRITTEN.fullmatch(written)
    return int(found[1]) * _SECONDS[found[2]] if found else None


def write_duration(seconds: float) -> str:
    """Write about how long seconds are, by the largest unit of which they are at least two, as `3 h`."""
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def write_exactly(seconds: int) -> str:
    """Write whole seconds by the largest unit that divides them, as `90 min`."""
    for unit, length in _UNITS:
        if seconds and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
