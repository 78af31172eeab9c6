"""Read a Dockerfile: its stages with their steps, as far as this project's file needs it."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.sources import ROOT

_WORD: Final = re.compile(r"\$(?:(?P<plain>\w+)|\{(?P<name>\w+)\})")


@dataclass(frozen=True)
class Step:
    """An instruction and all that follows it, in one line. Variables in it are not replaced yet."""

    instruction: str
    text: str

    def words(self, variables: Mapping[str, str]) -> list[str]:
        """Split the text as Docker does for COPY, ENV and LABEL."""
        return [replace_variables(word, variables) for word in shlex.split(self.text)]

    def pairs(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Read NAME=VALUE pairs, of ENV or LABEL."""
        return dict(_split_pair(word) for word in self.words(variables))


@dataclass(frozen=True)
class Stage:
    """The steps from one FROM to the next."""

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True)
class Dockerfile:
    """The arguments before the first FROM with their defaults, and the stages in their order."""

    arguments: dict[str, str]
    stages: list[Stage]

    def copied(self) -> list[str]:
        """List the sources of COPY that come from the build context."""
        copies = (step.words({}) for stage in self.stages for step in stage.steps if step.instruction == "COPY")
        return [source for words in copies if not words[0].startswith("--from=") for source in words[:-1]]


def read_dockerfile(path: Path = ROOT / "Dockerfile") -> Dockerfile:
    found = Dockerfile({}, [])
    for step in _split_steps(path.read_text()):
        if step.instruction == "FROM":
            base, *rest = step.words(found.arguments)
            found.stages.append(Stage(base, rest[-1] if rest else ""))
        elif found.stages:
            found.stages[-1].steps.append(step)
        else:
            assert step.instruction == "ARG", step
            name, value = _split_pair(step.text)
            found.arguments[name] = value
    return found


def replace_variables(word: str, variables: Mapping[str, str]) -> str:
    return _WORD.sub(lambda found: variables.get(found["plain"] or found["name"], ""), word)


def read_ignored(path: Path = ROOT / ".dockerignore") -> Sequence[str]:
    """List what .dockerignore lets into the context. The file forbids everything at first."""
    first, *lines = path.read_text().split()
    assert first == "*"
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


def _split_steps(text: str) -> list[Step]:
    """Join continued lines, and leave comments out, between the lines of a step too."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [Step(*(part.strip() for part in line.split(None, 1))) for line in whole]


def _split_pair(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value
