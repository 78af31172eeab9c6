"""The tables of docs/configure.md: each setting with its values, default, unit and readers, from the types."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import typer
from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config import gateway_settings, redis_url, settings
from config.gateway_settings import GatewaySettings
from config.settings import ProcessSettings, Settings
from shopstream.cli.app import build
from shopstream.named_files import PREFIX

BEGIN: Final = "<!-- the table, by make contract -->"
END: Final = "<!-- end of the table -->"
_ROOT: Final = Path(__file__).parent.parent
_QUEUE_FORMS: Final = "a `redis://`, `rediss://`, `unix://`, `redis+sentinel://` or `rediss+sentinel://` URL"
_REDIS_FORMS: Final = f"{_QUEUE_FORMS}, or one of `redis+cluster://` or `rediss+cluster://`"
_FORMS: Final[dict[Callable[..., Any], str]] = {
    redis_url.check_redis: _REDIS_FORMS,
    redis_url.check_queue: _QUEUE_FORMS,
    settings.check_upstream: "scheme and host; `https`, or `http` on a loopback",
    gateway_settings._host: "scheme and host; `https`, or `http` on a loopback",  # noqa: SLF001
    gateway_settings._address: "`HOST:PORT`",  # noqa: SLF001
    gateway_settings._base: "a URL",  # noqa: SLF001
}
"""The words for the values that a check of a setting accepts."""
_UNIT: Final = re.compile(
    r"\b(calls per second|seconds|hours|days|entries|slots|partitions|shops|port)\b", re.IGNORECASE
)
_GROUPS: Final = (
    ("Workers and gateways", ProcessSettings, ()),
    ("Workers alone", Settings, ProcessSettings.model_fields),
    ("Gateways alone", GatewaySettings, ProcessSettings.model_fields),
)
_PAGE: Final = re.compile(r"\bdocs/(\w+\.md)\b")
_EXACT: Final = re.compile(rf"{PREFIX}[A-Z_]+")


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
        parts += [_row(name, field) for name, field in list_fields(kind).items() if name not in without]
    return "\n".join([*parts, *_command_line(), ""])


def list_fields(kind: type[ProcessSettings]) -> dict[str, FieldInfo]:
    """List the settings that pages have: not those that only older versions needed."""
    return {name: field for name, field in kind.model_fields.items() if not field.exclude}


def variable(name: str) -> str:
    """Return the variable of a field."""
    return PREFIX + name.upper()


def is_secret(field: FieldInfo) -> bool:
    """Tell if a setting is a secret. Its value then appears in no log and no error."""
    return field.annotation is SecretStr


def show_default(field: FieldInfo) -> str:
    """Return the default as a variable holds it: empty if a setting has none, or is off without one."""
    value = field.default
    if value is PydanticUndefined or value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return f"{value:g}" if isinstance(value, float) else str(value)


def find_unit(name: str, field: FieldInfo) -> str:
    """Return the unit that the sentence of a number names; "" for other settings.

    Raises:
        NoUnit: the sentence names none.
    """
    if not {int, float} & {field.annotation, *get_args(field.annotation)}:
        return ""
    found = _UNIT.search(field.description or "")
    if not found:
        raise NoUnit(f"{name}: the sentence names no unit")
    return found[1].lower()


def _row(name: str, field: FieldInfo) -> str:
    default = show_default(field)
    shown = f"`{default}`" if default else "required" if field.is_required() else "-"
    meaning = _PAGE.sub(r"[\1](\1)", " ".join((field.description or "").split()))
    secret = "yes" if is_secret(field) else "-"
    cells = (f"`{variable(name)}`", _values(field), shown, find_unit(name, field) or "-", secret, meaning)
    return f"| {' | '.join(cells)} |"


def _values(field: FieldInfo) -> str:
    kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if get_origin(kind) is Literal]
    if kinds:
        return ", ".join(f"`{word}`" for word in get_args(kinds[0]))
    for part in field.metadata:
        if isinstance(part, AfterValidator):
            return _FORMS[part.func]
        if pattern := getattr(part, "pattern", None):
            return f"`{pattern}`"
    bounds = "".join(_bound(part) for part in field.metadata)
    return bounds.strip() or "text"


def _bound(part: object) -> str:
    match part:
        case Ge(ge=least):
            return f" {_number(least)}"
        case Gt(gt=under):
            return f" more than {_number(under)}"
        case Le(le=most):
            return f" to {_number(most)}"
        case Lt(lt=above):
            return f" to less than {_number(above)}"
    return ""


def _number(bound: object) -> str:
    return f"{bound:,}" if isinstance(bound, int | float) else str(bound)


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
