"""The pods: hardened, with the settings of config/, with secrets as files alone, and with time to end."""

import json
import re
from pathlib import Path

import pytest

from config.gateway_settings import GatewaySettings
from config.settings import ProcessSettings, Settings
from config.variables.reading import read
from gateway.__main__ import HARD_STOP_SECONDS as GATEWAY_STOP_SECONDS
from tests.chart.rendering import CASES, Document, container_of, list_kind, render, take, variables_of
from worker.process.shutdown import HARD_STOP_SECONDS

pytestmark = pytest.mark.usefixtures("helm")
PREFIX = "SHOPSTREAM_"
KINDS: dict[str, type[ProcessSettings]] = {"worker": Settings, "gateway": GatewaySettings}
OF_COMMANDS = {"service_id", "gateway_url"}
"""Settings that commands read in the pod of a worker: `shopstream authorize-url` and `invite`."""
SECRETS = {
    "redis_url_worker": "redis://worker:canary-1@h:6379/0", "redis_url_gateway": "redis://gateway:canary-2@h:6379/0",
    "app_secret": "canary-3", "token_keys": "canary-4", "gateway_tokens": f"keda:viewer:{'0' * 64}",
    "queue_url": "redis://:canary-5@q:6379/0", "apps": "second:7654321:canary-6",
}  # fmt: skip
"""The files that `shopstream setup` makes, as far as pods read them, and others. Each has a line end too."""


def pods(case: str) -> list[tuple[str, Document]]:
    documents = render(case)
    return [(kind, take(documents, "Deployment", f"-{kind}")) for kind in KINDS]


@pytest.mark.parametrize("case", CASES)
def test_each_variable_is_a_setting_and_is_set_once(case: str) -> None:
    for kind, deployment in pods(case):
        names = [one["name"] for one in container_of(deployment)["env"]]
        assert len(names) == len(set(names)), kind
        ours = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
        unknown = {name.removesuffix("_FILE").lower() for name in ours} - set(KINDS[kind].__struct_fields__)
        assert unknown == (OF_COMMANDS & unknown if kind == "worker" else set()), kind


@pytest.mark.parametrize("case", CASES)
def test_a_process_takes_the_settings_and_the_files_that_its_pod_gives_it(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind, deployment in pods(case):
        files = read_files(deployment)
        given = {name.removeprefix(PREFIX).lower(): value for name, value in variables_of(deployment).items()}
        values = {name: value for name, value in given.items() if name in KINDS[kind].__struct_fields__}
        values |= {
            name.removesuffix("_file"): files[value].rstrip("\n")
            for name, value in given.items()
            if name.endswith("_file")
        }
        settings = read(KINDS[kind], values)
        assert settings.redis() == SECRETS[f"redis_url_{kind}"]
        assert settings.app_secrets() == ["canary-3"]
        assert [app.secrets for app in settings.further_apps()] == [("canary-6",)] * (case == "full")
        if isinstance(settings, Settings):
            assert settings.keys() == ["canary-4"]
        if isinstance(settings, GatewaySettings):
            assert [token.role for token in settings.tokens()] == ["viewer"]


def read_files(deployment: Document) -> dict[str, str]:
    """Give the files that a pod's Secret puts into its container, by their paths."""
    volumes = {one["name"]: one for one in deployment["spec"]["template"]["spec"]["volumes"]}
    return {
        f"{mount['mountPath']}/{item['path']}": SECRETS[item["key"]]
        for mount in container_of(deployment)["volumeMounts"]
        if "secret" in volumes[mount["name"]]
        for item in volumes[mount["name"]]["secret"]["items"]
    }


def test_numbers_are_written_as_they_were_given() -> None:
    worker, gateway = (variables_of(deployment) for _, deployment in pods("full"))
    assert worker["SHOPSTREAM_STREAM_MAX_ENTRIES"] == gateway["SHOPSTREAM_STREAM_MAX_ENTRIES"] == "2000000"
    assert worker["SHOPSTREAM_RETENTION_HOURS"] == "36.5"
    assert worker["SHOPSTREAM_PACING_MAX_RATE"] == "100000"
    assert gateway["SHOPSTREAM_GATEWAY_REDIS_SECONDS"] == "1.5"
    assert variables_of(take(render("minimal"), "Deployment", "-worker"))["SHOPSTREAM_APP_KEY"] == "1234567"


def test_a_pod_has_no_secret_but_those_that_it_reads() -> None:
    found = {kind: set(read_files(deployment)) for kind, deployment in pods("full")}
    folder = "/run/secrets/shopstream"
    of_worker = ("redis_url_worker", "app_secret", "token_keys", "apps", "queue_url")
    of_gateway = ("redis_url_gateway", "app_secret", "gateway_tokens", "apps")
    assert found["worker"] == {f"{folder}/{name}" for name in of_worker}
    assert found["gateway"] == {f"{folder}/{name}" for name in of_gateway}
    names = {
        kind: [one["secret"]["secretName"] for one in pod["spec"]["template"]["spec"]["volumes"] if "secret" in one]
        for kind, pod in pods("full")
    }
    assert names == {"worker": ["shopstream-worker"], "gateway": ["shopstream-gateway"]}


@pytest.mark.parametrize("case", CASES)
def test_no_document_holds_a_secret(case: str) -> None:
    documents = render(case)
    assert list_kind(documents, "Secret") == list_kind(documents, "ConfigMap") == []
    text = json.dumps(documents)
    assert re.findall(r"redis(?:s)?://|[A-Za-z0-9_-]{43}=", text) == []
    for _, deployment in pods(case):
        named = {name.removeprefix(PREFIX).lower() for name in variables_of(deployment)}
        assert named & {"app_secret", "token_keys", "redis_url", "queue_url", "gateway_tokens", "apps"} == set()


@pytest.mark.parametrize("case", CASES)
def test_each_container_is_hardened(case: str) -> None:
    for kind, deployment in pods(case):
        pod, container = deployment["spec"]["template"]["spec"], container_of(deployment)
        assert "initContainers" not in pod
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, kind
        assert pod["automountServiceAccountToken"] is False
        assert all(mount["readOnly"] for mount in container["volumeMounts"])
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert container["resources"]["limits"]["memory"]
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}


@pytest.mark.parametrize("case", CASES)
def test_no_service_of_the_namespace_sets_a_variable(case: str) -> None:
    """A Service shopstream-health would set SHOPSTREAM_HEALTH_PORT to tcp://…: workers would not start."""
    for _, deployment in pods(case):
        assert deployment["spec"]["template"]["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("case", CASES)
def test_a_hanging_process_can_end_itself(case: str) -> None:
    """Its last means is SIGALRM (worker/process/shutdown.py), which the kernel doesn't deliver to process 1."""
    for _, deployment in pods(case):
        assert deployment["spec"]["template"]["spec"]["shareProcessNamespace"] is True


def test_a_pod_has_longer_to_end_than_its_process_takes() -> None:
    (_, worker), (_, gateway) = pods("default")
    assert worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > HARD_STOP_SECONDS + 5
    pause = container_of(gateway)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert gateway["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > pause + GATEWAY_STOP_SECONDS + 5


def test_a_new_pod_comes_before_an_old_one_goes() -> None:
    for _, deployment in pods("default"):
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_kubernetes_alone_leaves_the_number_of_workers_to_keda() -> None:
    replicas = {case: [pod["spec"].get("replicas") for _, pod in pods(case)] for case in CASES}
    assert replicas == {"default": [2, 2], "minimal": [1, 1], "full": [None, 3]}
    assert (
        take(render("full"), "ScaledObject")["spec"]["scaleTargetRef"]["name"] == pods("full")[0][1]["metadata"]["name"]
    )


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("default", "registry.example.com/shopstream:1.2.3"),
        ("minimal", "shopstream:1.10"),
        ("full", f"registry.example.com:5000/tools/shopstream@sha256:{'0123456789abcdef' * 4}"),
    ],
)
def test_the_image_has_a_digest_or_a_tag(case: str, expected: str) -> None:
    assert {container_of(deployment)["image"] for _, deployment in pods(case)} == {expected}


def test_the_charts_own_settings_are_set() -> None:
    worker, gateway = (variables_of(deployment) for _, deployment in pods("full"))
    assert (worker["SHOPSTREAM_HEALTH_HOST"], worker["SHOPSTREAM_HEALTH_PORT"]) == ("0.0.0.0", "8300")  # noqa: S104
    assert gateway["SHOPSTREAM_GATEWAY_URL"] == "https://connect.example.com/shops"
    assert gateway["SHOPSTREAM_SERVICE_ID"] == "7300000000000000001"


def test_sellers_reach_the_host_of_the_ingress_unless_another_is_named() -> None:
    more = ("--set", "ingress.enabled=true,ingress.host=a.example.com")
    gateway = take(render("default", *more), "Deployment", "-gateway")
    assert variables_of(gateway)["SHOPSTREAM_GATEWAY_URL"] == "https://a.example.com"
    assert "SHOPSTREAM_GATEWAY_URL" not in variables_of(take(render("default"), "Deployment", "-gateway"))
