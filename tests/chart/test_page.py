"""docs/kubernetes.md as a newcomer copies it: its commands run as far as they can without a cluster."""

import base64
import hashlib
import re
import secrets
import shlex
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest
import typer
import yaml

from config.gateway_settings import GatewaySettings
from config.variables.reading import read
from shopstream.cli.app import build
from tests.chart.programs import HELM
from tests.chart.rendering import CASES, CHART, SPACE, VALUES, Document, list_kind, render, run, run_helm, take
from tests.chart.scaling.autoscaler import decide_replicas
from tests.chart.scaling.test_scaling import ask
from tests.chart.test_pods import SECRETS
from tests.sources import ROOT

PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
MADE_BY_SETUP = {
    *SECRETS,
    "operator_token",
    "redis_acl",
    "redis_url_producer",
    "redis_url_waiter",
    "redis_url_consumer",
}
OF_A_CLUSTER = {"rollout", "exec", "logs", "port-forward", "get", "set"}
"""Commands of kubectl that need a cluster."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Give each command of the console blocks as one line."""
    lines = [line for block in blocks("console") for line in block.replace("\\\n", " ").splitlines()]
    return [" ".join(line.split()) for line in lines]


def offline(command: str) -> str | None:
    """Give the form of a command that needs no cluster; None if it has none."""
    # Not each machine has openssl.
    command = command.replace("openssl rand -hex 32", f"echo {secrets.token_hex(32)}")
    command = re.sub(r" --dry-run=client -o yaml \| kubectl apply -f -$", "", command)
    if command.startswith("kubectl create "):
        return f"{command} --dry-run=client -o yaml"
    if command.startswith("helm upgrade --install "):
        return command.replace("helm upgrade --install", f"{HELM} template").replace("deploy/chart", str(CHART))
    return None if command.startswith(("kubectl ", "helm ", "shopstream ")) else command


def make_files(folder: Path) -> None:
    """Make the values of the page, and the files that `shopstream setup` makes."""
    (values,) = blocks("yaml")
    (folder / "shopstream.yaml").write_text(values)
    (folder / "secrets").mkdir(mode=0o700)
    for name in MADE_BY_SETUP:
        path = folder / "secrets" / name
        path.write_text(f"{SECRETS.get(name, 'canary')}\n")
        path.chmod(0o444)


@cache
def run_commands() -> dict[str, str]:
    """Run the commands of the page in their order, and give what each printed."""
    printed: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        make_files(Path(name))
        for command in commands():
            runnable = offline(command)
            if runnable is not None:
                code, out, err = run("bash", "-euo", "pipefail", "-c", runnable, folder=Path(name))
                assert code == 0, f"{command}\n{err}"
                printed[command] = out
    return printed


@pytest.fixture
def outputs(helm: None, kubectl: None) -> dict[str, str]:  # noqa: ARG001 - the page needs both
    return run_commands()


def documents_of(printed: dict[str, str], begin: str) -> list[tuple[Document, ...]]:
    found = [out for command, out in printed.items() if command.startswith(begin)]
    return [tuple(one for one in yaml.safe_load_all(out) if one) for out in found]


def test_the_secrets_of_the_page_have_the_keys_that_the_pods_read(outputs: dict[str, str]) -> None:
    installed, scaled, monitored, upgraded = documents_of(outputs, "helm upgrade")
    (first,), (token,), (second,) = documents_of(outputs, "kubectl create secret")
    assert {one["metadata"]["namespace"] for one in (first, token, second)} == {SPACE}
    assert first["data"].keys() == second["data"].keys() == SECRETS.keys() - {"queue_url"}, "few have a queue's"
    for documents in (installed, scaled, monitored, upgraded):
        for deployment in list_kind(documents, "Deployment"):
            (secret,) = [one["secret"] for one in deployment["spec"]["template"]["spec"]["volumes"] if "secret" in one]
            assert secret["secretName"] == first["metadata"]["name"]
            assert {item["key"] for item in secret["items"]} <= first["data"].keys()
    (wanted,) = take(scaled, "TriggerAuthentication")["spec"]["secretTargetRef"]
    assert wanted["name"] == token["metadata"]["name"]
    bearer = base64.b64decode(token["data"][wanted["key"]]).decode()
    assert re.fullmatch(r"[0-9a-f]{64}", bearer), "no line end: KEDA would send it"
    tokens = base64.b64decode(second["data"]["gateway_tokens"]).decode().rstrip("\n")
    named = read(GatewaySettings, {"app_key": "a", "app_secret": "b", "gateway_tokens": tokens}).tokens()
    assert (named[-1].name, named[-1].role) == ("keda", "viewer")
    assert named[-1].digest == hashlib.sha256(bearer.encode()).hexdigest()


def test_each_install_makes_what_its_section_is_about(outputs: dict[str, str]) -> None:
    installed, scaled, monitored, upgraded = documents_of(outputs, "helm upgrade")
    assert take(installed, "Ingress")["spec"]["rules"][0]["host"] == "shops.example.com"
    assert take(scaled, "ScaledObject")["spec"]["maxReplicaCount"] == 20
    assert take(monitored, "PrometheusRule")["metadata"]["labels"]["release"] == "prometheus"
    (container,) = take(upgraded, "Deployment", "-worker")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/shopstream:0.2.0"


def test_commands_of_a_cluster_name_objects_that_the_page_has_made(outputs: dict[str, str]) -> None:
    installed, *_ = documents_of(outputs, "helm upgrade")
    made = {f"deployment/{one['metadata']['name']}" for one in list_kind(installed, "Deployment")}
    made |= {f"svc/{one['metadata']['name']}" for one in list_kind(installed, "Service")}
    asked = [shlex.split(command) for command in commands() if command not in outputs]
    for words in asked:
        if words[0] == "kubectl":
            assert words[1:3] == ["--namespace", SPACE]
            assert words[3] in OF_A_CLUSTER
        assert {word for word in words if word.startswith(("deployment/", "svc/"))} <= made, words
    containers = {word.partition("=")[0] for words in asked if "image" in words for word in words if "=" in word}
    assert containers == {"worker"}
    ports = [words[-1] for words in asked if "port-forward" in words]
    assert ports == [str(take(installed, "Service", "-private")["spec"]["ports"][0]["port"])]


def parse(words: list[str]) -> None:
    """Parse a command of shopstream without running it. Raise an error of click if it isn't one."""
    group = typer.main.get_command(build(words))
    assert isinstance(group, typer.core.TyperGroup)
    group.commands[words[0]].make_context(words[0], words[1:])


def test_each_command_of_shopstream_is_one_with_its_options() -> None:
    lines = [re.sub(r"^kubectl .* -- ", "", command) for command in commands()]
    called = [shlex.split(line)[1:] for line in lines if line.startswith("shopstream ")]
    assert {words[0] for words in called} == {"setup", "doctor", "invite", "webhooks", "status"}
    for words in called:
        if words[0] != "setup":  # tests/commands/test_setup.py tries it
            parse(words)
    with pytest.raises(Exception, match="No such option"):
        parse(["webhooks", "--every"])


def test_each_console_block_is_of_commands() -> None:
    known = {"kubectl", "helm", "shopstream", "printf", "mv"}
    assert {shlex.split(command)[0] for command in commands()} == known
    for block in blocks("console"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)  # noqa: S607


def test_the_table_of_pods_is_what_kubernetes_computes() -> None:
    rows = re.findall(r"^\| (\d+) \| (\d+) \| ([\d.]+) \| (\d+) \|$", PAGE, re.MULTILINE)
    assert len(rows) > 5
    for now, wanted, ratio, then in rows:
        assert f"{int(wanted) / int(now):.2f}" == ratio
        assert decide_replicas(int(wanted), int(now), 1) == int(then)


def test_the_steps_of_growth_are_those_of_the_formula() -> None:
    (listed,) = re.findall(r"grow by steps: ([\d, ]+)\.", PAGE)
    steps = [1]
    while len(steps) < len(listed.split(", ")):
        steps.append(decide_replicas(ask(100_000, steps[-1]).workers_wanted, steps[-1], 1))
    assert listed == ", ".join(map(str, steps))


@pytest.mark.usefixtures("helm")
@pytest.mark.parametrize("case", CASES)
def test_the_notes_after_an_install_name_objects_that_it_has_made(case: str, tmp_path: Path) -> None:
    """Helm shows them only after an install, so they are rendered as a part of a document."""
    shutil.copytree(CHART, tmp_path / "chart")
    shutil.copy(CHART / "templates" / "NOTES.txt", tmp_path / "chart" / "notes.txt")
    head = "kind: Notes\nmetadata: { name: notes }\n"
    text = '{{ tpl (.Files.Get "notes.txt") . | toJson }}'
    (tmp_path / "chart" / "templates" / "notes.yaml").write_text(f"{head}text: {text}\n")
    options = ("-n", SPACE, "-f", str(VALUES / f"{case}.yaml"), "-s", "templates/notes.yaml")
    code, out, err = run_helm("template", "shopstream", str(tmp_path / "chart"), *options)
    assert code == 0, err
    text = yaml.safe_load(out)["text"]
    made = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in render(case)}
    named = re.findall(r"\b(deployment|svc)/([\w-]+)", text)
    assert {f"{kind.replace('svc', 'service')}/{name}" for kind, name in named} <= made
    assert len(named) > 3
    assert set(re.findall(r"kubectl -n (\w+)", text)) == {SPACE}
    assert ("https://shops.example.com/webhooks/tiktok" in text) == (case == "full")
    assert ("follows the work" in text) == (case != "full")
