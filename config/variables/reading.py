"""Read the settings of one kind of process, and name all that are missing or wrong at once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from config.variables.kinds import convert
from config.variables.sources import SettingsError, read_variables
from shopstream.named_files import PREFIX


class Fault(NamedTuple):
    """Half a sentence about a setting, and its field; "" for several settings."""

    field: str
    complaint: str


class Checked(Struct, frozen=True, kw_only=True):
    """Settings, each a field with its type. The variable is the field's name in capitals after `SHOPSTREAM_`."""

    def find_faults(self) -> Iterator[Fault]:
        """Yield what is wrong with settings together, each of which is right for itself."""
        yield from ()


Read = TypeVar("Read", bound=Checked)


def read(kind: type[Read], variables: Mapping[str, str] | None = None) -> Read:
    """Read and check settings.

    Args:
        kind: their type.
        variables: texts by the names of fields. Those of the environment and of `.env`, if it is None.

    Raises:
        SettingsError: a setting is missing or wrong. The text names each such setting and its remedy.
    """
    given = read_variables() if variables is None else variables
    values, faults = dict[str, object](), list[Fault]()
    for field in fields(kind):
        try:
            values |= _read_field(field, given)
        except ValueError as error:
            faults.append(Fault(field.name, str(error)))
    if faults:
        raise _refuse(faults)
    settings = kind(**values)
    if faults := list(settings.find_faults()):
        raise _refuse(faults)
    return settings


def _read_field(field: FieldInfo, given: Mapping[str, str]) -> dict[str, object]:
    if field.name in given:
        return {field.name: convert(given[field.name], field.type)}
    if field.default is NODEFAULT:
        raise ValueError("is missing")
    return {}


def _refuse(faults: Iterable[Fault]) -> SettingsError:
    return SettingsError(
        "\n".join(
            f"{PREFIX + field.upper() if field else 'settings'}: {complaint};"
            " set it in the environment or in .env (see config/example.env)"
            for field, complaint in faults
        )
    )
