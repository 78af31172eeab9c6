"""Merge the token record of a backup with the present one of the same authorization. Pure."""

from typing import Final, NamedTuple

from shopstream.backup.backup_lines import SavedAuthorization, find_issued

_VERSIONS: Final = 1_000
"""Added to the version of a pair, since workers that live may remember later versions of the lost Redis."""


class PresentRecord(NamedTuple):
    """The present record of an authorization, "" for what it lacks."""

    pair: str
    version: str
    issued: str
    fence: str

    @property
    def issued_at(self) -> int:
        """Find the Unix seconds at which its pair was issued."""
        return find_issued(self.issued, self.version, self.pair)


COMPARED: Final = PresentRecord._fields
"""The fields of a token record that are compared."""


def merge_record(line: SavedAuthorization, present: PresentRecord) -> dict[str, str]:
    """Make the record to store: its numbers are above all that were there, for workers that remember them."""
    version = max(int(line.fields["version"]), _read_number(present.version)) + _VERSIONS
    fence = max(int(line.fields["fence"]), _read_number(present.fence)) + 1
    numbers = {"version": version, "fence": fence, "pair_fence": fence, "issued": f"{version}:{line.issued_at}"}
    return dict(line.fields) | {name: str(number) for name, number in numbers.items()}


def _read_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
