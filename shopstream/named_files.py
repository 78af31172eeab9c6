"""Read settings from files that the environment names: `SHOPSTREAM_X_FILE` stands for `SHOPSTREAM_X`.

So a secret is in no environment, which `docker inspect` and /proc show, and a container mounts it as a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PREFIX: Final = "SHOPSTREAM_"
SUFFIX: Final = "_FILE"
_MOST_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class NamedFiles:
    """Values by variable, and the faults of files that can't be used, also by variable."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    faults: dict[str, str] = field(default_factory=dict)


def read_named_files(variables: Mapping[str, str]) -> NamedFiles:
    """Read the files that variables `SHOPSTREAM_X_FILE` name, in UTF-8, without a newline at their ends.

    Args:
        variables: the environment, or the lines of a `.env`. A file that is named by an empty text is none.

    Returns:
        The texts by `SHOPSTREAM_X`. A fault is half a sentence that fits behind `SHOPSTREAM_X_FILE `.
    """
    found = NamedFiles()
    for name, place in variables.items():
        wanted = name.removesuffix(SUFFIX)
        if not place or name == wanted or not name.startswith(PREFIX) or wanted == PREFIX.rstrip("_"):
            continue
        if variables.get(wanted):
            found.faults[wanted] = f"is set, and so is {wanted}: set one of the two"
            continue
        try:
            found.values[wanted] = _read(Path(place))
        except OSError as error:
            found.faults[wanted] = f"names a file that can't be read ({error.strerror}): {place}"
        except ValueError as error:
            found.faults[wanted] = f"names a file that {error}: {place}"
    return found


def read_env_file() -> dict[str, str]:
    """Read the variables of `.env` in the working directory; none without such a file.

    Raises:
        ImportError: the package python-dotenv is missing.
        UnicodeError, OSError: it can't be read. `describe_env_fault` has the line to be shown.
    """
    if not Path(".env").exists():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415 - most have no such file

    return {name: value for name, value in dotenv_values(".env").items() if value is not None}


def choose_written(written: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Choose the settings of `.env` that the environment leaves open, in capitals.

    The environment outweighs `.env`, whichever way either gives a value or names a file with it. A file that is named
    by an empty text is none.
    """
    names = (name.upper() for name, value in environment.items() if value or not name.upper().endswith(SUFFIX))
    given = {name.removesuffix(SUFFIX) for name in names}
    named = {name.upper(): value for name, value in written.items()}
    return {
        name: value
        for name, value in named.items()
        if name.startswith(PREFIX) and name.removesuffix(SUFFIX) not in given
    }


def describe_env_fault(error: UnicodeError | OSError) -> str:
    """Describe in one line why `.env` can't be read. A UnicodeError's own text would show bytes of the file."""
    if isinstance(error, OSError):
        return f".env: can't be read ({error.strerror}); make it readable for this user"
    return ".env: is no text in UTF-8; save it as such, or write it anew"


def _read(path: Path) -> str:
    with path.open("rb") as file:
        text = file.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise ValueError(f"has more than {_MOST_BYTES} bytes")
    try:
        return text.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        # Its own text would show bytes of the file.
        raise ValueError("is no text in UTF-8") from None
