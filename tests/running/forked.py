"""Programs of ours that start at once: forked from a process that has imported everything they import.

A start of `python -m worker` takes a second of a core, nearly all of it imports, and the tests start hundreds. The copy
is a process like any other, with its own pid, signals, environment and pipes. That a start from nothing works too is
shown by the demo, the containers' commands and `make chaos`.
"""

import asyncio
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import reduction
from typing import Any, Final

MODULES: Final = (
    "worker",
    "shopstream_sandbox",
    "gateway",
    "shopstream.cli",
    "tests.shopstream.consume.consuming",
    "tests.running.traced",
)
_FURTHER: Final = ("benchmarks.", "tests.kafka.")
"""Modules below these run too. What the others don't import they import by themselves, which is little."""
_LINE_MOST: Final = 2**22
_context = multiprocessing.get_context("forkserver")
_COMMANDS: Final = ("shopstream.client", "shopstream.cli.app", "shopstream.cli.terminal")
"""Modules that the command line imports only when it runs."""
_context.set_forkserver_preload(
    [
        "tests.running.forked",
        *(f"{module}.__main__" for module in MODULES[:3]),
        *MODULES[3:],
        *_COMMANDS,
        "tests.running.made_ready",
    ]
)


class _Passed:
    """A file that goes to the copy with the order to start: none stays open here, however soon the copy is killed."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _take, (reduction.DupFd(self._number),)


def _take(file: Any) -> int:
    number: int = file.detach()
    return number


class Forked:
    """The part of `asyncio.subprocess.Process` that tests use."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self.pid: int = process.pid
        self.stdout = asyncio.StreamReader(_LINE_MOST)
        self.stderr = asyncio.StreamReader(_LINE_MOST)
        self.stdin: asyncio.StreamWriter | None = None

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        code: int | None = self._process.exitcode
        return code

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        loop = asyncio.get_running_loop()
        while (code := self.returncode) is None:
            over = asyncio.Event()
            watched = os.dup(self._process.sentinel)  # two may wait at once
            loop.add_reader(watched, over.set)
            try:
                await over.wait()
            finally:
                loop.remove_reader(watched)
                os.close(watched)
        return code

    async def communicate(self) -> tuple[bytes, bytes]:
        out, err, _ = await asyncio.gather(self.stdout.read(), self.stderr.read(), self.wait())
        return out, err


async def fork(command: Sequence[str], env: Mapping[str, str], stdin: int = 0) -> Forked:
    """Run a module with its arguments, as `python -m` would; its input is that of a file, a pipe (-1), or empty."""
    assert command[0] in MODULES or command[0].startswith(_FURTHER)
    pipes = [os.pipe(), os.pipe()]
    given = {number: _Passed(write) for number, (_, write) in enumerate(pipes, start=1)}
    told, teller = os.pipe() if stdin == asyncio.subprocess.PIPE else (stdin, 0)
    if told:
        given[0] = _Passed(told)
    process = _context.Process(target=_run, args=(list(command), dict(env), given), daemon=True)
    try:
        process.start()
    finally:
        for _, write in pipes:
            os.close(write)
        if teller:
            os.close(told)
    child = Forked(process)
    if teller:
        child.stdin = await _write(teller)
    for (read, _), reader in zip(pipes, (child.stdout, child.stderr), strict=True):
        await _read(read, reader)
    return child


async def _read(fd: int, reader: asyncio.StreamReader) -> None:
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", 0))


async def _write(fd: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(fd, "wb", 0)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
    return asyncio.StreamWriter(transport, protocol, None, loop)


def _run(command: list[str], env: dict[str, str], files: dict[int, int]) -> None:
    """In the copy: become the program."""
    for number, given in files.items():
        os.dup2(given, number)
        os.close(given)
    os.environ.clear()
    os.environ.update(env)
    if 0 in files:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - the program's own, as the next ones
    sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
    sys.argv = command
    for name in (command[0], f"{command[0]}.__main__"):
        if not hasattr(sys.modules.get(name), "__path__"):
            sys.modules.pop(name, None)  # it was imported to have its imports; now it is run
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)
