"""Run the whole suite: `python -m tests.suite`, as `make test` does. A test that fails is judged once more, alone.

Eight tests at a time on two cores make every race in a test probable that an idle machine never shows, and there are
thousands. One that fails twice is broken. One that passes alone is named at the end, so that somebody mends it: CPython
judges its own suite so (`-m test --rerun`). Many failures at the same time are no race, and aren't judged again.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.sources import ROOT

PHASES: Final = (
    ("-n", "8", "--dist", "worksteal", "-m", "not quiet"),
    ("-n", "2", "-m", "quiet"),
)
"""All tests but those that judge the pace of running processes; then these, beside one other at most."""
AGAIN: Final = 3
"""As many failed tests of a phase are judged again. More have a reason in common."""
_FAILED: Final = 1
"""Pytest's exit code if tests failed. All others above 0 mean that it couldn't run them."""


def main(root: Path = ROOT, phases: Sequence[Sequence[str]] = PHASES) -> int:
    """Run all phases in a folder; give 0, or the exit code of the first one that had a test that failed twice."""
    codes, unsteady = [], []
    for phase in phases:
        code, once = _run(root, phase)
        codes.append(code)
        unsteady += once
    for name in unsteady:
        print(f"UNSTEADY: {name} failed beside other tests, and passed alone. Mend it.", flush=True)  # noqa: T201
    return next(filter(None, codes), 0)


def _run(root: Path, arguments: Sequence[str]) -> tuple[int, list[str]]:
    with tempfile.TemporaryDirectory() as cache:
        code = _pytest(root, cache, *arguments)
        failed = Path(cache) / "v" / "cache" / "lastfailed"
        names = list(json.loads(failed.read_text())) if failed.exists() else []
        if code != _FAILED or not 0 < len(names) <= AGAIN:
            return code, []
        print(f"once more, alone: {', '.join(names)}", flush=True)  # noqa: T201
        codes = [_pytest(root, cache, name) for name in names]
        return max(codes), [name for name, again in zip(names, codes, strict=True) if not again]


def _pytest(root: Path, cache: str, *arguments: str) -> int:
    command = (sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}", *arguments)
    return subprocess.run(command, cwd=root, check=False).returncode  # noqa: S603 - our own tests


if __name__ == "__main__":
    sys.exit(main())
