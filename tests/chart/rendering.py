"""Render the chart with Helm, and give its documents."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from tests.chart.programs import HELM
from tests.sources import ROOT

Document: TypeAlias = dict[str, Any]
"""An object of Kubernetes, as YAML has it."""

CHART: Final = ROOT / "deploy" / "chart"
VALUES: Final = ROOT / "tests" / "chart" / "values"
CASES: Final = ("default", "minimal", "full")
"""Files of tests/chart/values. `default` has the required values alone."""
SPACE: Final = "shops"
"""The namespace of what is rendered."""


def run(*command: str, stdin: str | None = None, folder: Path = ROOT) -> tuple[int, str, str]:
    """Run a program that needs no cluster; give its exit code, its output and its errors."""
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


def run_helm(*arguments: str) -> tuple[int, str, str]:
    assert HELM is not None
    return run(HELM, *arguments)


@cache
def render(case: str, *arguments: str, release: str = "shopstream") -> tuple[Document, ...]:
    """Render a case, with more arguments of Helm. Documents are shared, so don't change them."""
    values = str(VALUES / f"{case}.yaml")
    code, out, err = run_helm("template", release, str(CHART), "-n", SPACE, "-f", values, *arguments)
    assert code == 0, err
    return tuple(document for document in yaml.safe_load_all(out) if document)


def take(documents: tuple[Document, ...], kind: str, name: str = "") -> Document:
    """Take the one document of a kind, whose name ends so."""
    (found,) = [one for one in documents if one["kind"] == kind and one["metadata"]["name"].endswith(name)]
    return found


def list_kind(documents: tuple[Document, ...], kind: str) -> list[Document]:
    return [one for one in documents if one["kind"] == kind]


def container_of(deployment: Document) -> Document:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def variables_of(deployment: Document) -> dict[str, str]:
    """Give the variables of a Deployment's container."""
    return {one["name"]: one.get("value", "") for one in container_of(deployment)["env"]}
