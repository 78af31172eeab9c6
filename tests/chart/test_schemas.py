"""Each document that the chart renders is as Kubernetes, KEDA and the Prometheus operator define it."""

import copy
import json
import tarfile
from functools import cache
from pathlib import Path

import jsonschema_rs
import pytest

from tests.chart.rendering import CASES, CHART, VALUES, Document, render, run_helm, take
from tests.sources import ROOT

pytestmark = pytest.mark.usefixtures("helm")
OLDEST, NEWEST = "kubernetes-1.30", "kubernetes-1.37"
OTHERS = {
    "ScaledObject": "keda", "TriggerAuthentication": "keda",
    "PodMonitor": "prometheus-operator", "PrometheusRule": "prometheus-operator",
}  # fmt: skip


@cache
def _judge(file: str, kind: str) -> jsonschema_rs.Draft202012Validator:
    schema = json.loads((ROOT / "tests" / "chart" / "schemas" / f"{file}.json").read_text())
    return jsonschema_rs.Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]})


def find_faults(document: Document, kubernetes: str) -> list[str]:
    """Find what a server that checks strictly would refuse."""
    kind = document["kind"]
    judge = _judge(OTHERS.get(kind, kubernetes), kind)
    return [
        f"{kind}: {'/'.join(map(str, fault.instance_path))}: {fault.message}" for fault in judge.iter_errors(document)
    ]


@pytest.mark.parametrize("kubernetes", [OLDEST, NEWEST])
@pytest.mark.parametrize("case", CASES)
def test_each_document_is_as_its_kind_is_defined(case: str, kubernetes: str) -> None:
    documents = render(case)
    assert len({(one["kind"], one["metadata"]["name"]) for one in documents}) == len(documents)
    assert [fault for document in documents for fault in find_faults(document, kubernetes)] == []


def test_a_wrong_name_and_a_wrong_type_are_found() -> None:
    for kind, name in (("Deployment", "-worker"), ("ScaledObject", ""), ("PodMonitor", "-worker"), ("Ingress", "")):
        document = copy.deepcopy(take(render("full"), kind, name))
        document["spec"]["unknown"] = 1
        assert find_faults(document, NEWEST), kind
    deployment = copy.deepcopy(take(render("full"), "Deployment", "-worker"))
    deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = "many"
    assert find_faults(deployment, OLDEST)
    scaled = copy.deepcopy(take(render("full"), "ScaledObject"))
    scaled["spec"]["triggers"][0]["metadata"]["targetValue"] = 1
    assert find_faults(scaled, OLDEST), "KEDA takes texts alone"


def test_the_cases_make_each_kind_and_only_what_they_ask_for() -> None:
    always = {"Deployment", "Service", "PodDisruptionBudget"}
    kinds = {case: {one["kind"] for one in render(case)} for case in CASES}
    assert kinds["minimal"] == always
    assert kinds["default"] == always | {"ServiceAccount", "NetworkPolicy"}
    assert kinds["full"] == kinds["default"] | {"Ingress", *OTHERS}


@pytest.mark.parametrize("case", CASES)
def test_helm_finds_nothing_to_complain_about(case: str) -> None:
    code, out, err = run_helm("lint", "--strict", str(CHART), "-f", str(VALUES / f"{case}.yaml"))
    assert code == 0, out + err
    assert "WARNING" not in out + err


def test_the_chart_alone_says_which_values_it_needs() -> None:
    code, out, err = run_helm("lint", "--strict", str(CHART))
    assert code == 0, out
    assert "image.repository is missing" in err


def test_it_says_from_which_kubernetes_on_it_runs() -> None:
    values = str(VALUES / "default.yaml")
    code, _, err = run_helm("template", "shopstream", str(CHART), "-f", values, "--kube-version", "1.29.9")
    assert code
    assert "kubeVersion: >=1.30.0-0" in err
    assert render("default", "--kube-version", "1.30.0")


def test_the_chart_of_a_release_has_all_files_and_its_version_as_the_tag(tmp_path: Path) -> None:
    """As .github/workflows/release.yml packs it."""
    numbers = ("--version", "4.5.6", "--app-version", "4.5.6")
    code, out, err = run_helm("package", str(CHART), *numbers, "-d", str(tmp_path))
    assert code == 0, out + err
    (archive,) = tmp_path.iterdir()
    with tarfile.open(archive) as packed:
        names = {name.removeprefix("shopstream/") for name in packed.getnames()}
    assert names == {str(path.relative_to(CHART)) for path in CHART.rglob("*") if path.is_file()} - {".helmignore"}
    code, out, err = run_helm("template", "a", str(archive), "--set", "image.repository=shopstream,appKey=abc")
    assert code == 0, err
    assert out.count('image: "shopstream:4.5.6"') == 2
