"""Read the variables of settings from the environment, then from `.env`, and the files that either names."""

import os
from collections.abc import Collection, Mapping

from shopstream.named_files import PREFIX, SUFFIX, describe_env_fault, read_env_file, read_named_files


class SettingsError(Exception):
    """Some settings are missing or wrong. The text has a line for each, without its value."""


def read_variables() -> dict[str, str]:
    """Read the variables. The environment outweighs `.env`, whichever way either gives a value.

    Returns:
        The values, by names without `SHOPSTREAM_` in small letters. Names in the sources may have small letters too.

    Raises:
        SettingsError: `.env`, or a file that a variable names, can't be used.
    """
    environment = _read_source(os.environ, ())
    return {**_read_source(_read_env_file(), environment), **environment}


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


def _read_source(variables: Mapping[str, str], given: Collection[str]) -> dict[str, str]:
    """Read the variables of one source, with the values of the files that they name.

    Args:
        variables: the source.
        given: names that a source of higher precedence gives, so that no file is read for them.

    Raises:
        SettingsError: a file can't be used.
    """
    named = {name.upper(): value for name, value in variables.items()}
    named = {name.removeprefix(PREFIX): value for name, value in named.items() if name.startswith(PREFIX)}
    wanted = {name: value for name, value in named.items() if name.removesuffix(SUFFIX).lower() not in given}
    found = read_named_files({PREFIX + name: value for name, value in wanted.items()})
    if found.faults:
        raise SettingsError("\n".join(f"{name}{SUFFIX}: {fault}" for name, fault in found.faults.items()))
    named |= {name.removeprefix(PREFIX): value for name, value in found.values.items()}
    return {name.lower(): value for name, value in named.items()}
