"""Write and read the file of a backup: a line of JSON for each thing, and a last line with their SHA-256.

The checksum shows damage by accident. It keeps nobody from changing a file on purpose.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

import orjson

from shopstream.backup.backup_lines import (
    BackupHead,
    BackupLine,
    parse_head,
    parse_json,
    parse_line,
    write_head,
    write_line,
)
from shopstream.errors import BackupRefused

_LINE_MOST: Final = 8 * 1024 * 1024
"""Bytes of a line. An authorization of 10,000 shops has 4 MB."""
_UNFINISHED: Final = "the backup is not whole: it was cut off, or is still being written"


class BackupWriter:
    """Writes the lines of a backup."""

    def __init__(self, file: BinaryIO, head: BackupHead) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._lines = 0
        self._put(write_head(head))

    def add(self, line: BackupLine) -> None:
        """Write a line."""
        self._put(write_line(line))

    def end(self) -> None:
        """Write the last line. A file without it is refused."""
        last = {"kind": "end", "lines": self._lines, "sha256": self._digest.hexdigest()}
        self._write(orjson.dumps(last, option=orjson.OPT_APPEND_NEWLINE))
        self._flush()

    def _put(self, line: bytes) -> None:
        self._digest.update(line)
        self._lines += 1
        self._write(line)

    def _write(self, line: bytes) -> None:
        with _say_failure("written"):
            self._file.write(line)

    def _flush(self) -> None:
        with _say_failure("written"):
            self._file.flush()


class BackupReader:
    """Reads a backup from its begin to its end. Its head is read at once.

    Raises:
        BackupRefused: the file is damaged, no backup, or of another version.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._lines = 0
        line = self._next()
        self.head = parse_head(parse_json(line, 1))
        self._count(line)

    def __iter__(self) -> Iterator[BackupLine]:
        """Give all lines. Only the end shows whether the file is whole: read it to the end before you use a line."""
        while True:
            line = self._next()
            document = parse_json(line, self._lines + 1)
            if document.get("kind") == "end":
                break
            parsed = parse_line(document, self._lines + 1)
            self._count(line)
            yield parsed
        if (document.get("lines"), document.get("sha256")) != (self._lines, self._digest.hexdigest()):
            raise BackupRefused("the checksum is wrong: the backup was changed or damaged")
        with _say_failure("read"):
            if self._file.read(1):
                raise BackupRefused("there is more behind the end of the backup: two files in one?")

    def _count(self, line: bytes) -> None:
        self._digest.update(line)
        self._lines += 1

    def _next(self) -> bytes:
        with _say_failure("read"):
            line = self._file.readline(_LINE_MOST + 1)
        if len(line) > _LINE_MOST:
            raise BackupRefused(f"line {self._lines + 1} has more than 8 MiB: the file is no backup")
        if not line.endswith(b"\n"):
            raise BackupRefused(_UNFINISHED if self._lines or not line else "the file is no backup of shopstream")
        return line


@contextmanager
def write_whole(path: Path) -> Iterator[BinaryIO]:
    """Write a file whole or not at all, for its owner alone (mode 0600), over one of the same name.

    Raises:
        BackupRefused: the folder or the disk doesn't allow it.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with _say_failure("written"):
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            with _say_failure("written"):
                file.flush()
                os.fsync(file.fileno())
        with _say_failure("written"):
            part.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # the name too is on the disk
            finally:
                os.close(folder)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


@contextmanager
def _say_failure(done: str) -> Iterator[None]:
    """Name the failure of a file, which is none of Redis. A reader that has ended is no failure of the file."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BackupRefused(f"the file can't be {done}: {error.strerror or type(error).__name__}") from None
