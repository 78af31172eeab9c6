"""A clock that can be set while a server runs: libfaketime, from a wheel, or as Debian's package `faketime` has it."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import libfaketime


@dataclass(frozen=True)
class Clock:
    """What a process must be started with, and the file that it reads its clock's offset from."""

    file: Path
    preload: str

    @classmethod
    def right(cls, folder: Path) -> "Clock":
        """A clock that is not off yet.

        Raises:
            AssertionError: libfaketime is not installed; it says how to install it.
        """
        clock = cls(folder / "clock", _library())
        clock.set(0)
        return clock

    def set(self, seconds: int) -> None:
        """Have it be off by so much from now on; negative: behind."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n")
        new.replace(self.file)

    @property
    def environment(self) -> dict[str, str]:
        """For the process: only the time of day is off, as on another server."""
        return {
            "LD_PRELOAD": self.preload,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def _library() -> str:
    wheel = Path(libfaketime.__file__).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    if wheel.exists() and sys.platform == "linux" and platform.machine() == "x86_64":
        return str(wheel)
    command = shutil.which("faketime")
    assert command, "missing: faketime, to set a server's clock. Debian: apt-get install faketime"
    # The command knows where its library is.
    shell = [command, "-f", "+0s", "sh", "-c", "echo $LD_PRELOAD"]
    done = subprocess.run(shell, check=True, capture_output=True, text=True)  # noqa: S603 - nothing of it is asked for
    return done.stdout.strip()


@contextmanager
def environment(more: dict[str, str]) -> Iterator[None]:
    """What is started within has these variables too."""
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
