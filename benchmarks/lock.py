"""One `make bench` at a time on a machine: two of them would measure each other."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LOCK: Final = Path(tempfile.gettempdir()) / f"shopstream-bench-{os.getuid()}.lock"


@contextmanager
def only_one(path: Path = LOCK) -> Iterator[None]:
    """Hold the lock while inside; the kernel lets go of it however the process ends.

    Raises:
        SystemExit: another process holds it; the text names that one.
    """
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            other = f"another `make bench` runs on this machine (pid {file.read().strip()})"
            raise SystemExit(f"{other}: they would measure each other. Wait for it, or end it.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
