"""Bound the share of Redis's memory up to which ids are claimed."""

from typing import Final

FULL: Final = 0.85
"""Share of `maxmemory` above which nothing is claimed: ids still fit in, and events would not for long."""
ROOM: Final = 0.80
"""Below this share claiming goes on: the buffers of some clients must not switch it off and on."""
