"""`shopstream doctor`: check everything, and name the remedy of each fault."""

import os
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from shopstream.cli.output.operation_documents import CheckDocument
from shopstream.cli.terminal import DEFAULT_URL, Json, Style, Url, is_terminal, print_json, run, say
from shopstream.doctor.checks import Check, find_exit_code
from shopstream.doctor.examination import examine

_STYLES: Final[dict[str, Style]] = {"ok": "plain", "warn": "yellow", "bad": "red"}


def doctor(
    redis_url: Url = DEFAULT_URL,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Leave out TikTok's hosts.")] = False,
    json: Json = False,
) -> None:
    """Check settings, Redis, workers, shops, streams, groups and hosts. Nothing is changed.

    One line a check, with the remedy. Exit with 0 if all are ok, 1 with a warning, 2 with a fault.
    """
    checks = run(examine(redis_url, os.environ, offline=offline))
    if json:
        for one in checks:
            print_json(CheckDocument(name=one.name, grade=one.grade, text=one.text, remedy=one.remedy))
    else:
        _show(checks)
    raise typer.Exit(find_exit_code(checks))


def _show(checks: Sequence[Check]) -> None:
    width = max(len(one.name) for one in checks)
    for one in checks:
        remedy = f". {one.remedy[:1].upper()}{one.remedy[1:]}" if one.remedy else ""
        if is_terminal():
            say(f"{one.grade:<4} {one.name:<{width}}  {one.text}{remedy}", _STYLES[one.grade])
        else:
            say("\t".join((one.grade, one.name, f"{one.text}{remedy}")))
