"""Read the variables of settings from the environment, then from `.env`, and the files that either names."""

import os
from collections.abc import Mapping

from shopstream.named_files import (
    PREFIX,
    SUFFIX,
    choose_written,
    describe_env_fault,
    read_env_file,
    read_named_files,
)  # fmt: skip


class SettingsError(Exception):
    """Some settings are missing or wrong. The text has a line for each, without its value."""


def read_variables() -> dict[str, str]:
    """Read the variables. The environment outweighs `.env`, whichever way either gives a value.

    Returns:
        The values, by names without `SHOPSTREAM_` in small letters. Names in the sources may have small letters too.

    Raises:
        SettingsError: `.env`, or a file that a variable names, can't be used.
    """
    of_environment = {name.upper(): value for name, value in os.environ.items()}
    named = {**choose_written(_read_env_file(), os.environ), **of_environment}
    found = read_named_files(named)
    if found.faults:
        raise SettingsError("\n".join(f"{name}{SUFFIX}: {fault}" for name, fault in found.faults.items()))
    named |= found.values
    return {name.removeprefix(PREFIX).lower(): value for name, value in named.items() if name.startswith(PREFIX)}


def list_names() -> list[str]:
    """List the names of all variables as they are written. Those of an `.env` that can't be read are left out."""
    try:
        written = _read_env_file()
    except SettingsError:
        return list(os.environ)
    return [*os.environ, *written]


def _read_env_file() -> Mapping[str, str]:
    try:
        return read_env_file()
    except (UnicodeError, OSError) as error:
        fault = describe_env_fault(error)
    raise SettingsError(fault)
