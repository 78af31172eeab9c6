"""The tables of docs/configure.md: each setting with its values, default, unit and readers, from the types."""

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import typer
from msgspec import NODEFAULT
from msgspec.structs import fields

from config.gateway_settings import GatewaySettings
from config.settings import ProcessSettings, Settings
from config.variables.kinds import Check, describe_bounds, find_pattern, list_choices, list_parts
from config.variables.reading import Checked
from config.variables.secret import Secret
from shopstream.cli.app import build
from shopstream.named_files import PREFIX

BEGIN: Final = "<!-- the table, by make contract -->"
END: Final = "<!-- end of the table -->"
_ROOT: Final = Path(__file__).parent.parent
_UNIT: Final = re.compile(
    r"\b(calls per second|seconds|hours|days|entries|slots|partitions|shops|port)\b", re.IGNORECASE
)
_GROUPS: Final = (
    ("Workers and gateways", ProcessSettings, ()),
    ("Workers alone", Settings, ProcessSettings.__struct_fields__),
    ("Gateways alone", GatewaySettings, ProcessSettings.__struct_fields__),
)
_UNLISTED: Final = {"partitions"}
"""Of older versions, and of tests."""
_PAGE: Final = re.compile(r"\bdocs/(\w+\.md)\b")
_EXACT: Final = re.compile(rf"{PREFIX}[A-Z_]+")


class Setting(NamedTuple):
    """A setting: its field, that field's type and default (NODEFAULT without one), and a sentence about it."""

    name: str
    kind: Any
    default: object
    meaning: str


class NoUnit(ValueError):
    """The sentence of a setting that is a number names no unit."""


def filled(page: str) -> str:
    """Put the tables into the page between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def tables() -> str:
    """Write a table of settings for each kind of process, and one of the command line's variables, in Markdown."""
    parts: list[str] = []
    for title, kind, without in _GROUPS:
        parts += [
            f"\n## {title}\n",
            "| variable | values | default | unit | secret | meaning |",
            "|---|---|---|---|---|---|",
        ]
        parts += [_row(setting) for setting in list_fields(kind).values() if setting.name not in without]
    return "\n".join([*parts, *_command_line(), ""])


def list_fields(kind: type[ProcessSettings]) -> dict[str, Setting]:
    """List the settings that pages have: not those that only older versions needed."""
    meanings = _read_meanings(kind)
    return {
        field.name: Setting(field.name, field.type, field.default, meanings.get(field.name, ""))
        for field in fields(kind)
        if field.name not in _UNLISTED
    }


def _read_meanings(kind: type[ProcessSettings]) -> dict[str, str]:
    """Read the docstrings of fields, which stand below them in the source."""
    found: dict[str, str] = {}
    for one in kind.__mro__[: kind.__mro__.index(Checked)]:
        (defined,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        for above, below in itertools.pairwise(getattr(defined, "body", [])):
            match above, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = " ".join(text.split())
    return found


def variable(name: str) -> str:
    """Return the variable of a field."""
    return PREFIX + name.upper()


def is_secret(setting: Setting) -> bool:
    """Tell if a setting is a secret. Its value then appears in no log and no error."""
    return Secret in list_parts(setting.kind)


def show_default(setting: Setting) -> str:
    """Return the default as a variable holds it: empty if a setting has none, or is off without one."""
    value = setting.default
    if value is NODEFAULT or value is None:
        return ""
    if isinstance(value, Secret):
        return value.reveal()
    return f"{value:g}" if isinstance(value, float) else str(value)


def find_unit(setting: Setting) -> str:
    """Return the unit that the sentence of a number names; "" for other settings.

    Raises:
        NoUnit: the sentence names none.
    """
    if not {int, float} & set(list_parts(setting.kind)):
        return ""
    found = _UNIT.search(setting.meaning)
    if not found:
        raise NoUnit(f"{setting.name}: the sentence names no unit")
    return found[1].lower()


def _row(setting: Setting) -> str:
    default = show_default(setting)
    shown = f"`{default}`" if default else "required" if setting.default is NODEFAULT else "-"
    meaning = _PAGE.sub(r"[\1](\1)", setting.meaning)
    secret = "yes" if is_secret(setting) else "-"
    cells = (f"`{variable(setting.name)}`", _values(setting), shown, find_unit(setting) or "-", secret, meaning)
    return f"| {' | '.join(cells)} |"


def _values(setting: Setting) -> str:
    kind = setting.kind
    if words := list_choices(kind):
        return ", ".join(f"`{word}`" for word in words)
    if checks := [part for part in list_parts(kind) if isinstance(part, Check)]:
        return checks[0].accepts
    if pattern := find_pattern(kind):
        return f"`{pattern}`"
    return describe_bounds(kind) or "text"


def _command_line() -> Iterator[str]:
    yield from ("\n## The command line\n", "| variable | option | commands |", "|---|---|---|")
    for name, (options, commands) in command_variables().items():
        by = "all that ask Redis" if len(commands) > 5 else ", ".join(f"`{one}`" for one in commands)
        yield f"| `{name}` | `{options}` | {by} |"
    for name in sorted(doctor_variables() - command_variables().keys()):
        yield f"| `{name}` | - | `doctor`, which checks it |"


def command_variables() -> dict[str, tuple[str, list[str]]]:
    """Return the variables that stand for an option, each with the option and the commands that have it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for command, part in _walk(typer.main.get_command(build())):
        for option in part.params:
            if isinstance(option.envvar, str):
                found.setdefault(option.envvar, (option.opts[0], []))[1].append(command)
    return found


def doctor_variables() -> set[str]:
    """Return the variables that `shopstream doctor` reads."""
    texts = [path.read_text() for path in (_ROOT / "shopstream" / "doctor").glob("*.py")]
    nodes = (node for text in texts for node in ast.walk(ast.parse(text)))
    values = (node.value for node in nodes if isinstance(node, ast.Constant))
    return {value for value in values if isinstance(value, str) and _EXACT.fullmatch(value)}


def _walk(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Walk through the commands; their types are those of a click that typer keeps to itself."""
    inner: dict[str, Any] = getattr(command, "commands", {})
    for word, one in inner.items():
        yield from _walk(one, f"{name} {word}".strip())
    if not inner:
        yield name, command
