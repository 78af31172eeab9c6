"""Read the code blocks of pages: their language, their commands, and the mark above them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(
    r"(?:^<!-- (?P<mark>[\w:, ]+) -->\n)?^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_INLINE: Final = re.compile(r"`((?:shopstream|make|docker compose|python -m|pip install) [^`\n]+)`")
SHELL: Final = frozenset({"console", "sh", "bash", "shell"})


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Attributes:
        language: the word behind the fence; empty if there is none.
        mark: the comment above it; empty if there is none.
        text: all between the fences.
    """

    language: str
    mark: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its lines that are commands, continued ones as one."""
        joined = re.sub(r" *\\\n *", " ", self.text)
        return [line.strip() for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]


def read_blocks(page: Path) -> list[Block]:
    """Read the blocks of a page, in their order."""
    found = _BLOCK.finditer(page.read_text())
    return [Block(one["language"], one["mark"] or "", one["text"]) for one in found]


def read_inline_commands(page: Path) -> list[str]:
    """Read the commands that stand within the sentences of a page."""
    return _INLINE.findall(_BLOCK.sub("", page.read_text()))
