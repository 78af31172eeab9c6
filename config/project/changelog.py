"""Read CHANGELOG.md for a release: `python3 -m config.project.changelog check v1.2.3`.

`notes` in place of `check` prints the text of the release. To check, the standard library alone is used: the workflow
of a release does so before anything is installed.
"""

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_TAG: Final = re.compile(r"v(\d+\.\d+\.\d+)")
_HEADING: Final = re.compile(r"^## (?:(Unreleased)|(\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2}))$")
_GROUPS: Final = ("Added", "Changed", "Fixed")
_FIRST: Final = "0.1.0"
"""In the first release everything is new: its groups are topics."""


class NotReady(Exception):
    """A tag that can't be released as the files are, with the reason."""


def read_parts(text: str) -> dict[str, str]:
    """Split the changelog into its parts by version, the newest first; the part of the next release is `Unreleased`.

    Raises:
        NotReady: a heading has another form, stands twice, or the versions don't fall.
    """
    parts: dict[str, str] = {}
    for section in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        match = _HEADING.match(heading)
        if not match:
            raise NotReady(f"CHANGELOG.md: the heading {heading!r} is neither `## Unreleased` nor `## VERSION - DATE`")
        name = match[1] or match[2]
        if name in parts:
            raise NotReady(f"CHANGELOG.md: {name} stands twice")
        parts[name] = body.strip("\n") + "\n"
        _check_groups(name, body)
    numbers = [tuple(map(int, name.split("."))) for name in parts if name != "Unreleased"]
    if next(iter(parts), "") != "Unreleased" or numbers != sorted(numbers, reverse=True):
        raise NotReady("CHANGELOG.md: `Unreleased` comes first, and then the versions, the newest first")
    return parts


def _check_groups(name: str, body: str) -> None:
    groups = re.findall(r"^### (.*)$", body, re.MULTILINE)
    if name != _FIRST and groups != [group for group in _GROUPS if group in groups]:
        raise NotReady(f"CHANGELOG.md: {name} has the groups {', '.join(groups)}; they are {', '.join(_GROUPS)}")


def check_tag(tag: str, root: Path = _ROOT) -> str:
    """Give the version of a tag that the changelog and the contract are ready for.

    Raises:
        NotReady: they are not.
    """
    match = _TAG.fullmatch(tag)
    if not match:
        raise NotReady(f"the tag {tag!r} is no version such as v1.2.3")
    version = match[1]
    parts = read_parts((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    _, newest, *_ = [*parts, ""]
    if newest != version:
        raise NotReady(f"CHANGELOG.md: the newest version is {newest or 'missing'}, and the tag is {tag}")
    if parts["Unreleased"].strip():
        raise NotReady("CHANGELOG.md: `Unreleased` still has entries")
    if not re.search(r"^- ", parts[version], re.MULTILINE):
        raise NotReady(f"CHANGELOG.md: {version} has no entry")
    if not (root / "tests" / "contract" / "released" / version / "asyncapi.yaml").exists():
        raise NotReady(f"the contract of {version} is not kept: python -m contract --release {version}")
    return version


def _write_notes(version: str) -> str:
    from hatch_build import REPOSITORY, lead_links  # noqa: PLC0415 - the check runs where hatchling is not

    notes = read_parts((_ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))[version]
    return lead_links(notes, os.environ.get(REPOSITORY, ""))


def main() -> int:
    """Run the command; 1 and a line if the release is not ready."""
    parser = argparse.ArgumentParser("python3 -m config.project.changelog")
    parser.add_argument("action", choices=["check", "notes"])
    parser.add_argument("tag")
    asked = parser.parse_args()
    try:
        version = check_tag(asked.tag)
    except NotReady as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    if asked.action == "check":
        sys.stdout.write(f"version={version}\n")
    else:
        sys.stdout.write(_write_notes(version))
    return 0


if __name__ == "__main__":
    sys.exit(main())
