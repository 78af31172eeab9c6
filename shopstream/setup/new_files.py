"""Write files that must not be overwritten, whole or not at all, with the mode of secrets."""

import os
from pathlib import Path
from typing import Final

_FOLDER_MODE: Final = 0o700
_SECRET_MODE: Final = 0o444
"""Nobody but the owner passes the folder. A container reads the file that is mounted into it by its own user."""


def make_folder(path: Path) -> None:
    """Make a folder that its owner alone can enter. One that is there keeps its files."""
    path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    path.chmod(_FOLDER_MODE)


def write_new(path: Path, text: str, mode: int = _SECRET_MODE) -> None:
    """Write a text with a newline at its end into a new file, and wait until the disk has it.

    Raises:
        FileExistsError: there is one. It stays as it is.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text if text.endswith("\n") else f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a move, fails where a file is already.
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
