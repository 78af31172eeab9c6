"""Renew tests/chart/schemas, the schemas of the kinds that the chart makes: run it by hand, from the repository's root.

    python -m pip download --no-deps kubernetes-validate -d build
    git clone --depth 1 https://github.com/kedacore/keda build/keda
    git clone --depth 1 https://github.com/prometheus-operator/prometheus-operator build/prometheus-operator
    .venv/bin/python -m tests.chart.renew_schemas build/*validate*.whl build/keda build/prometheus-operator

Descriptions are left out, and all that the kinds don't use. Names that a schema doesn't have are refused. Rules that
Custom Resource Definitions write in CEL are left out.
"""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

import yaml

from tests.sources import ROOT

SCHEMAS: Final = ROOT / "tests" / "chart" / "schemas"
VERSIONS: Final = ("1.30", "1.37")
"""Of Kubernetes: the oldest that the chart allows, and the newest that the package has."""
KINDS: Final = {
    "Deployment": "deployment-apps-v1", "Service": "service-v1", "Ingress": "ingress-networking-v1",
    "NetworkPolicy": "networkpolicy-networking-v1", "ServiceAccount": "serviceaccount-v1",
    "PodDisruptionBudget": "poddisruptionbudget-policy-v1", "Secret": "secret-v1", "Namespace": "namespace-v1",
}  # fmt: skip
_KEDA: Final = "config/crd/bases/keda.sh"
_OPERATOR: Final = "example/prometheus-operator-crd/monitoring.coreos.com"
_LEFT_OUT: Final = {"description", "default", "$schema", "$id", "format"}


def main(wheel: str, keda: str, operator: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for version in VERSIONS:
            _write(f"kubernetes-{version}", _take_kinds(archive, version), Path(wheel).name)
    for name, repository, kinds in (
        ("kedacore/keda", keda, [f"{_KEDA}_scaledobjects", f"{_KEDA}_triggerauthentications"]),
        (
            "prometheus-operator/prometheus-operator",
            operator,
            [f"{_OPERATOR}_podmonitors", f"{_OPERATOR}_prometheusrules"],
        ),
    ):
        definitions = [yaml.safe_load(_git(repository, "show", f"HEAD:{path}.yaml")) for path in kinds]
        schemas = {one["spec"]["names"]["kind"]: _take_definition(one) for one in definitions}
        commit = _git(repository, "log", "-1", "--format=commit %H of %cs").strip()
        _write(
            name.rpartition("/")[2],
            {"$defs": schemas},
            f"github.com/{name}, {commit}, after {_read_version(repository)}",
        )


def _take_kinds(archive: zipfile.ZipFile, version: str) -> dict[str, Any]:
    """Take the kinds of a version with all that they refer to, under one set of definitions."""
    folder = f"kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict"
    common = json.loads(archive.read(f"{folder}/_definitions.json"))
    known: dict[str, Any] = common.get("$defs") or common["definitions"]
    taken = {kind: _reduce(json.loads(archive.read(f"{folder}/{file}.json"))) for kind, file in KINDS.items()}
    waiting = list(taken.values())
    while waiting:
        for name in _references(waiting.pop()) - taken.keys():
            taken[name] = _reduce(known[name])
            waiting.append(taken[name])
    return {"$defs": taken}


def _reduce(schema: Any) -> Any:
    """Leave out descriptions, and lead references to the definitions of this document."""
    if isinstance(schema, list):
        return [_reduce(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    reduced: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "$ref":
            reduced[name] = "#/$defs/" + value.rpartition("/")[2]
        elif name == "properties":
            reduced[name] = {one: _reduce(inner) for one, inner in value.items()}
        elif name not in _LEFT_OUT and not name.startswith("x-kubernetes"):
            reduced[name] = _reduce(value)
    return reduced


def _references(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(_references, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    own = {schema["$ref"].rpartition("/")[2]} if isinstance(schema.get("$ref"), str) else set()
    return own.union(*map(_references, schema.values()))


def _take_definition(definition: dict[str, Any]) -> dict[str, Any]:
    """Take the stored version of a Custom Resource Definition, without its status."""
    (version,) = [one for one in definition["spec"]["versions"] if one["storage"]]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"].pop("status", None)
    named = f"{definition['spec']['group']}/{version['name']}"
    closed: dict[str, Any] = _reduce(_close(schema))
    closed["properties"] |= {"apiVersion": {"const": named}, "metadata": {"type": "object"}}
    return closed


def _close(schema: Any) -> Any:
    """Refuse names that a schema doesn't have, as an API server does that is asked strictly."""
    if isinstance(schema, list):
        return [_close(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _close(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", bool(schema.get("x-kubernetes-preserve-unknown-fields")))
    return closed


def _write(name: str, schema: dict[str, Any], source: str) -> None:
    document = {"$comment": f"From {source}. Apache License 2.0.", **schema}
    (SCHEMAS / f"{name}.json").write_text(json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n")


def _read_version(repository: str) -> str:
    """Read the newest version that a repository's list of changes names."""
    (version,) = re.findall(
        r"^(?:## |- \[)v?(\d+\.\d+\.\d+)", _git(repository, "show", "HEAD:CHANGELOG.md"), re.MULTILINE
    )[:1]
    return str(version)


def _git(repository: str, *command: str) -> str:
    done = subprocess.run(["git", "-C", repository, *command], check=True, capture_output=True, text=True)  # noqa: S603, S607
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
