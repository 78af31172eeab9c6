"""Keep what has come of an answer that can't be asked for twice, also if its end is missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, repr=False)
class Partial:
    """The part of an answer that has come. `status` is 0 as long as there is none."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)

    def begin(self, status: int, headers: Mapping[str, str]) -> list[bytes]:
        """Note the head of the answer. Return where the pieces of its body go."""
        self.status, self.headers = status, headers
        return self.pieces
