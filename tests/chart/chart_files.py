"""Keep what the chart repeats: `python -m tests.chart.chart_files` writes it anew.

The schema of values has the settings of config/, the README has a table of values.yaml, and the rules of Prometheus are
copied, since Helm reads no file outside of its folder.
"""

import json
import re
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

import yaml
from msgspec import json as schemas
from msgspec.structs import fields

from config.gateway_settings import GatewaySettings
from config.settings import ProcessSettings, Settings
from config.variables.kinds import list_parts
from config.variables.secret import Secret
from tests.sources import ROOT

CHART: Final = ROOT / "deploy" / "chart"
VALUES: Final = CHART / "values.yaml"
SCHEMA: Final = CHART / "values.schema.json"
README: Final = CHART / "README.md"
RULES: Final = CHART / "files" / "shopstream.rules.yml"
ORIGINAL_RULES: Final = ROOT / "deploy" / "prometheus" / "shopstream.rules.yml"
OF_THE_CHART: Final = {
    "app_key", "service_id", "health_host", "health_port", "gateway_public", "gateway_private", "gateway_url",
}  # fmt: skip
"""Settings that the chart sets by itself, or from a value of another name."""
_TABLE: Final = re.compile(r"(?<=<!-- generated: values -->\n).*?(?=<!-- end -->)", re.DOTALL)
_KEPT: Final = {"type", "enum", "const", "pattern", "minLength", "minimum", "exclusiveMinimum", "maximum"}

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | int | float | bool | None"


class Value(NamedTuple):
    """A value of the chart: its path with dots, its default as JSON, and its comment."""

    path: str
    default: str
    comment: str


def list_settings(kind: type[ProcessSettings]) -> set[str]:
    """List the settings of a kind of process that values may name: those that are no secret and not the chart's own."""
    return {field.name for field in fields(kind) if Secret not in list_parts(field.type)} - OF_THE_CHART


def describe_settings(kind: type[ProcessSettings], base: type[ProcessSettings] | None = None) -> Json:
    """Describe the settings of a kind, without those of its base, as a JSON schema that knows no other name."""
    names = list_settings(kind) - (list_settings(base) if base else set())
    described = {field.name: schemas.schema(field.type) for field in fields(kind) if field.name in names}
    properties: dict[str, Json] = {name: _shorten(described[name]) for name in sorted(names)}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def write_schema() -> str:
    """Give the schema of values with the settings as config/ has them."""
    schema = json.loads(SCHEMA.read_text())
    schema["definitions"] |= {
        "settings": describe_settings(ProcessSettings),
        "workerSettings": describe_settings(Settings, ProcessSettings),
        "gatewaySettings": describe_settings(GatewaySettings, ProcessSettings),
    }
    return json.dumps(schema, indent=2) + "\n"


def list_values() -> list[Value]:
    """List the values with their comments, in the order of values.yaml."""
    comments: dict[str, str] = {}
    waiting: list[str] = []
    parents: list[tuple[int, str]] = []
    for line in VALUES.read_text().splitlines():
        comment, key = re.match(r" *# (.*)", line), re.match(r"( *)(\w+):", line)
        if comment:
            waiting.append(comment[1])
            continue
        if key:
            parents = [(depth, name) for depth, name in parents if depth < len(key[1])]
            parents.append((len(key[1]), key[2]))
            if waiting:
                comments[".".join(name for _, name in parents)] = " ".join(waiting)
        waiting = []
    defaults = yaml.safe_load(VALUES.read_text())
    return [Value(path, json.dumps(_find(defaults, path)), comment) for path, comment in comments.items()]


def write_readme() -> str:
    """Give the README with the table of the values."""
    rows = "".join(f"| `{value.path}` | `{value.default}` | {value.comment} |\n" for value in list_values())
    table = f"| value | default | meaning |\n|---|---|---|\n{rows}"
    return _TABLE.sub(lambda _: table, README.read_text())


def _find(values: Json, path: str) -> Json:
    for name in path.split("."):
        assert isinstance(values, dict)
        values = values[name]
    return values


def _shorten(described: Mapping[str, Json]) -> Json:
    """Leave out None: a setting that has no value is left out of the values."""
    either = described.get("anyOf")
    if isinstance(either, list):
        (described,) = [one for one in either if isinstance(one, dict) and one.get("type") != "null"]
    return {name: value for name, value in described.items() if name in _KEPT}


def main() -> None:
    SCHEMA.write_text(write_schema())
    README.write_text(write_readme())
    RULES.write_text(ORIGINAL_RULES.read_text())


if __name__ == "__main__":
    main()
