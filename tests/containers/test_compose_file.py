"""docker-compose.yml as Compose reads it: each service's bounds and rights, secrets, images, variables."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Final, cast

import jsonschema_rs
import pytest
import yaml

from tests.containers.compose_file import (
    COMPOSE_FILE,
    Json,
    MissingVariable,
    list_variables,
    read_compose,
    replace_variables,
)
from tests.sources import ROOT
from worker.__main__ import GRACE_SECONDS
from worker.health import LIMIT_SECONDS
from worker.process.shutdown import HARD_STOP_SECONDS

KEY: Final = {"SHOPSTREAM_APP_KEY": "6a7b8c9d0e"}
COMPOSE: Final = read_compose(KEY)
SERVICES: Final = COMPOSE["services"]
OURS: Final = ("check", "worker", "gateway", "sandbox", "demo-worker")
WITH_SECRETS: Final = {name: service for name, service in SERVICES.items() if "secrets" in service}
BYTES: Final = {"k": 2**10, "m": 2**20, "g": 2**30}
each_service = pytest.mark.parametrize("name", SERVICES)


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def to_bytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([kmg])b?", text).groups()  # type: ignore[union-attr]
    return int(number) * BYTES[unit]


def test_the_services_of_each_profile() -> None:
    by_profile: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        by_profile.setdefault("".join(service.get("profiles", [])), set()).add(name)
    assert by_profile == {
        "": {"check", "valkey", "worker", "gateway"},
        "demo": {"demo-valkey", "sandbox", "demo-worker"},
        "monitoring": {"prometheus", "grafana"},
    }


@each_service
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["init"] is True
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    # No more than the known keys: no privileged, cap_add, devices, or the machine's pid, ipc or network.
    assert set(service) <= {
        "build", "cap_drop", "command", "cpus", "depends_on", "env_file", "environment", "healthcheck", "image", "init",
        "logging", "mem_limit", "network_mode", "networks", "pids_limit", "ports", "profiles", "read_only", "restart",
        "secrets", "security_opt", "stop_grace_period", "tmpfs", "user", "volumes",
    }  # fmt: skip
    assert service.get("network_mode", "none") in {"none", "service:sandbox"}


@each_service
def test_a_service_has_bounds(name: str) -> None:
    service = SERVICES[name]
    assert 64 * BYTES["m"] <= to_bytes(service["mem_limit"]) <= 2 * BYTES["g"]
    assert 0 < float(service["cpus"]) <= 2
    assert service["pids_limit"] == 256
    assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}


@each_service
def test_a_service_starts_again_by_itself_and_is_watched(name: str) -> None:
    service = SERVICES[name]
    if name == "check":
        assert service["restart"] == "no", "it ends once, with its reason"
        return
    assert service["restart"] == "unless-stopped"
    check = service["healthcheck"]
    assert check["test"][0] == "CMD", "no shell"
    assert seconds(check["timeout"]) <= seconds(check["interval"])


@each_service
def test_a_fixed_name_or_port_keeps_no_worker_from_being_scaled(name: str) -> None:
    assert "container_name" not in SERVICES[name]
    assert ("ports" in SERVICES[name]) == (name not in {"check", "worker", "demo-worker", "demo-valkey"})


@each_service
def test_ports_are_open_on_the_loopback_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d{4}:\d{4}", port)


def test_one_service_a_profile_builds_the_one_image() -> None:
    assert {SERVICES[name]["image"] for name in OURS} == {"shopstream:local"}
    building = [name for name in SERVICES if "build" in SERVICES[name]]
    assert building == ["check", "sandbox"], "worker and gateway depend on the first, the demo's worker on the second"
    assert SERVICES["check"]["build"] == SERVICES["sandbox"]["build"]
    published = read_compose(KEY | {"SHOPSTREAM_IMAGE": "registry.example/shopstream:1.2.3"})["services"]
    assert {published[name]["image"] for name in OURS} == {"registry.example/shopstream:1.2.3"}


def test_images_of_others_are_pinned_by_tag_and_digest() -> None:
    others = {service["image"] for name, service in SERVICES.items() if name not in OURS}
    assert len(others) == 3
    for image in others:
        assert re.fullmatch(r"docker\.io/[a-z]+/[a-z]+:v?[0-9]+\.[0-9]+\.[0-9]+[a-z-]*@sha256:[0-9a-f]{64}", image)


def test_a_process_starts_once_the_settings_are_right_and_its_redis_answers() -> None:
    for name in ("worker", "gateway"):
        assert SERVICES[name]["depends_on"] == {
            "check": {"condition": "service_completed_successfully"},
            "valkey": {"condition": "service_healthy"},
        }
    assert {one["condition"] for one in SERVICES["demo-worker"]["depends_on"].values()} == {"service_healthy"}
    assert SERVICES["check"]["command"] == ["python", "-m", "config.check"]


def test_docker_waits_longer_than_a_process_takes_to_end() -> None:
    for name in ("worker", "demo-worker"):
        assert GRACE_SECONDS < HARD_STOP_SECONDS < seconds(SERVICES[name]["stop_grace_period"])
    assert seconds(SERVICES["gateway"]["stop_grace_period"]) > 10


def test_a_container_is_unhealthy_soon_after_its_worker() -> None:
    check = SERVICES["worker"]["healthcheck"]
    # Red within 15 s: a write may be LIMIT_SECONDS old, then comes the next look.
    assert LIMIT_SECONDS + seconds(check["interval"]) * check["retries"] <= 15


def test_valkey_keeps_what_it_is_given_and_lets_nobody_in_without_a_password() -> None:
    options = read_options("valkey")
    assert options == {
        "aclfile": "/run/secrets/redis_acl",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory": "1gb",
        "maxmemory-policy": "noeviction",
    }
    assert read_options("valkey", VALKEY_MAXMEMORY="3gb")["maxmemory"] == "3gb"
    assert SERVICES["valkey"]["volumes"] == ["valkey:/data"]


@pytest.mark.parametrize("name", ["valkey", "demo-valkey"])
def test_valkey_can_fork_within_its_limit_and_an_error_is_not_healthy(name: str) -> None:
    assert 2 * to_bytes(read_options(name)["maxmemory"]) <= to_bytes(SERVICES[name]["mem_limit"])
    assert SERVICES[name]["user"] == "999:1000"
    assert SERVICES[name]["healthcheck"]["test"] == ["CMD", "valkey-cli", "-e", "ping"]


def read_options(name: str, **variables: str) -> dict[str, str]:
    program, *words = read_compose(KEY | variables)["services"][name]["command"]
    assert program == "valkey-server"
    return {option.removeprefix("--"): value for option, value in zip(words[::2], words[1::2], strict=True)}


def test_the_demo_shares_nothing_with_your_shops() -> None:
    assert SERVICES["demo-valkey"]["volumes"] == ["demo-valkey:/data"]
    assert SERVICES["demo-valkey"]["networks"] == SERVICES["sandbox"]["networks"] == ["demo"]
    assert "demo" not in {net for name in ("valkey", "worker", "gateway") for net in SERVICES[name]["networks"]}
    assert "demo-valkey:6379" in SERVICES["demo-worker"]["environment"]["SHOPSTREAM_REDIS_URL"]
    variables = dict(
        line.split("=", 1) for line in (ROOT / "deploy" / "demo.env").read_text().splitlines() if "=" in line
    )
    assert variables["COMPOSE_PROJECT_NAME"] != COMPOSE["name"]
    assert variables["COMPOSE_PROFILES"] == "demo"
    assert variables["SHOPSTREAM_APP_KEY"] == SERVICES["demo-worker"]["environment"]["SHOPSTREAM_APP_KEY"]


def test_the_monitoring_reaches_workers_and_gateways_and_not_valkey() -> None:
    inside = {name for name, service in SERVICES.items() if "monitoring" in service.get("networks", [])}
    assert inside == {"worker", "gateway", "prometheus", "grafana"}
    assert SERVICES["prometheus"]["networks"] == SERVICES["grafana"]["networks"] == ["monitoring"]
    configuration = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    scraped = {
        (name, target["port"])
        for job in configuration["scrape_configs"]
        for target in job["dns_sd_configs"]
        for name in target["names"]
    }
    worker, gateway = SERVICES["worker"]["environment"], SERVICES["gateway"]["environment"]
    assert worker["SHOPSTREAM_HEALTH_HOST"] == "0.0.0.0"  # noqa: S104
    listening = {
        ("worker", int(worker["SHOPSTREAM_HEALTH_PORT"])),
        ("gateway", int(gateway["SHOPSTREAM_GATEWAY_PRIVATE"].removeprefix("0.0.0.0:"))),
    }
    assert scraped == listening
    assert "--storage.tsdb.retention.time=30d" in SERVICES["prometheus"]["command"]


@each_service
def test_volumes_and_folders_are_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, _, rest = volume.partition(":")
        if source.startswith("./"):
            assert (ROOT / source).is_dir()
            assert rest.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]
    assert set(SERVICES[name].get("networks", [])) <= set(COMPOSE["networks"])


def test_each_secret_is_declared_and_used() -> None:
    used = {secret for service in WITH_SECRETS.values() for secret in service["secrets"]}
    assert used == set(COMPOSE["secrets"])
    assert COMPOSE["secrets"] == {name: {"file": f"./secrets/{name}"} for name in used}


@pytest.mark.parametrize("name", WITH_SECRETS)
def test_a_service_reads_each_of_its_secrets_and_no_other(name: str) -> None:
    service = WITH_SECRETS[name]
    text = json.dumps([service.get("environment"), service.get("command")])
    assert set(re.findall(r"/run/secrets/(\w+)", text)) == set(service["secrets"])


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "environment" in service])
def test_no_secret_is_in_an_environment(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert all(isinstance(value, str) for value in environment.values()), "YAML would read some as numbers"
    if name == "demo-worker":
        return  # the sandbox's own, which protect nothing: test_services starts it with them
    secret = re.compile(r"SECRET|TOKEN|PASSWORD|REDIS_URL|KEYS")
    for variable, value in environment.items():
        if secret.search(variable):
            assert variable.endswith("_FILE")
            assert value == "" or value.startswith("/run/secrets/")


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "env_file" in service])
def test_a_path_of_the_env_file_reaches_no_container(name: str) -> None:
    """`shopstream setup` writes paths of this machine into .env, and a process complains of one that isn't there."""
    overridden = {variable for variable in SERVICES[name]["environment"] if variable.endswith("_FILE")}
    secrets = {"REDIS_URL", "TOKEN_KEYS", "APP_SECRET", "APPS", "GATEWAY_TOKENS"}
    assert overridden == {f"SHOPSTREAM_{secret}_FILE" for secret in secrets}
    assert SERVICES[name]["env_file"] == [{"path": ".env", "required": False}]


def test_the_gateway_has_no_token_key_and_each_process_its_own_user_of_redis() -> None:
    assert "token_keys" not in SERVICES["gateway"]["secrets"]
    users = {
        name: [one for one in WITH_SECRETS[name]["secrets"] if "redis_url" in one] for name in ("worker", "gateway")
    }
    assert users == {"worker": ["redis_url_worker"], "gateway": ["redis_url_gateway"]}


def test_without_settings_there_is_one_failure_that_says_what_to_do() -> None:
    for variables in ({}, {"SHOPSTREAM_APP_KEY": ""}):
        with pytest.raises(MissingVariable) as failure:
            read_compose(variables)
        assert str(failure.value).endswith("run `shopstream setup` first: docs/install.md")
    required = re.findall(r"\$\{(\w+):\?", COMPOSE_FILE.read_text())
    assert required == ["SHOPSTREAM_APP_KEY"]


def test_each_variable_is_explained_at_the_head_of_the_file_with_its_default() -> None:
    head = COMPOSE_FILE.read_text().partition("\nname:")[0]
    explained = dict(re.findall(r"^#   ([A-Z_]+) {2,}(.*)", head, re.MULTILINE))
    assert set(explained) == set(list_variables())
    for name, default in re.findall(r"\$\{(\w+):-([^}]+)\}", COMPOSE_FILE.read_text()):
        assert default in explained[name] or "@sha256:" in default, name


def test_variables_are_replaced_as_compose_does() -> None:
    text: Json = ["$A", "${A}", "${B:-b}", "${E:-e}", "${E-e}", "$$A", {"${A}": "x${A}y"}, 1, None]
    assert replace_variables(text, {"A": "a", "E": ""}) == ["a", "a", "b", "e", "", "$A", {"${A}": "xay"}, 1, None]


def test_the_file_keeps_the_specification(compose_schema: Json) -> None:
    found = jsonschema_rs.validator_for(cast("dict[str, Any]", compose_schema)).iter_errors(COMPOSE)
    assert [f"{list(error.instance_path)}: {error.message[:200]}" for error in found] == []


def test_compose_itself_reads_the_file_as_these_tests_do(docker_compose: list[str], tmp_path: Path) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | KEY
    command = [*docker_compose, "--project-directory", str(tmp_path), "--file", str(COMPOSE_FILE), "--profile", "*"]
    done = subprocess.run(  # noqa: S603
        [*command, "config", "--format", "json"], env=environment, check=True, capture_output=True, timeout=60
    )
    read = json.loads(done.stdout)["services"]
    assert set(read) == set(SERVICES)
    for name, service in SERVICES.items():
        assert read[name]["image"] == service["image"]
        assert (read[name].get("environment") or {}) == service.get("environment", {})
        assert read[name].get("command") == service.get("command")
