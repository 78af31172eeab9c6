"""The values: each is tried, described and checked, and a wrong one is refused with a line that says what to do."""

import json
import re

import pytest
import yaml

from config.gateway_settings import GatewaySettings
from config.settings import ProcessSettings, Settings
from tests.chart import chart_files
from tests.chart.rendering import CHART, VALUES, render, run_helm

WRITE = "run .venv/bin/python -m tests.chart.chart_files"
REQUIRED = ("--set", "image.repository=shopstream,image.tag=a,appKey=abc")
INGRESS, SCALING = "ingress.enabled=true", "scaling.enabled=true"


def refuse(*values: str) -> str:
    """Give the lines with which Helm refuses values."""
    code, out, err = run_helm("template", "shopstream", str(CHART), *values)
    assert code, out
    return err


@pytest.mark.usefixtures("helm")
@pytest.mark.parametrize(
    ("values", "line"),
    [
        ("appKey=abc", "image.repository is missing: the name of the image that you have built and pushed"),
        ("image.repository=a,appKey=abc", "image.tag is missing: the tag of your image, as --set-string"),
        ("image.repository=a,image.tag=b", "appKey is missing: the key of your app from TikTok's Partner Center"),
        (INGRESS, "ingress.host is missing: the host name that TikTok and sellers use"),
        (f"{SCALING},scaling.minReplicas=11", "scaling.minReplicas is 11 and scaling.maxReplicas is 10: raise"),
        ("extraEnv[0].name=SHOPSTREAM_APP_SECRET", "extraEnv has SHOPSTREAM_APP_SECRET: put settings under settings"),
        ("replicas=3", "- (root): Additional property replicas is not allowed"),
        ("worker.replica=3", "- worker: Additional property replica is not allowed"),
        ("worker.settings.slotz=3", "- worker.settings: Additional property slotz is not allowed"),
        ("worker.settings.slots=0", "- worker.settings.slots: Must be greater than or equal to 1"),
        ("worker.settings.log_level=debug", "- worker.settings: Additional property log_level is not allowed"),
        ("settings.log_level=loud", '- settings.log_level: settings.log_level must be one of the following: "debug"'),
        ("settings.app_secret=canary", "- settings: Additional property app_secret is not allowed"),
        ("gateway.settings.gateway_tokens=canary", "- gateway.settings: Additional property gateway_tokens is not"),
        ("worker.settings.health_port=1", "- worker.settings: Additional property health_port is not allowed"),
        ("gateway.replicas=0", "- gateway.replicas: Must be greater than or equal to 1"),
        ("image.digest=latest", "- image.digest: Does not match pattern '^(sha256:[0-9a-f]{64})?$'"),
        ("image.repository=A B", "- image.repository: Does not match pattern"),
        ("ingress.host=https://a.example.com", "- ingress.host: Does not match pattern"),
        ("scaling.maxReplicas=many", "- scaling.maxReplicas: Invalid type. Expected: integer, given: string"),
        ("scaling.minReplicas=0", "- scaling.minReplicas: Must be greater than or equal to 1"),
        ("networkPolicy.privateFrom[0].everybody=true", "- networkPolicy.privateFrom.0: Additional property everybody"),
        ("monitoring.runbooks=https://a.example.com", "- monitoring.runbooks: Does not match pattern"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_its_name(values: str, line: str) -> None:
    asked = () if "image" in values or "appKey" in values else REQUIRED
    found = refuse(*asked, "--set", values)
    assert line in found
    assert "canary" not in found


@pytest.mark.usefixtures("helm")
def test_the_full_case_changes_each_value() -> None:
    default, full = (yaml.safe_load(path.read_text()) for path in (chart_files.VALUES, VALUES / "full.yaml"))
    unchanged = {path for path in paths(default) if read(full, path) in {None, read(default, path)}}
    # One excludes the other: the account is made, or it is named.
    assert unchanged == {"serviceAccount.name", "networkPolicy.enabled"}
    assert render("minimal") != render("default")


def paths(values: object, before: str = "") -> list[str]:
    """List the paths of the values. Resources are one value."""
    if not isinstance(values, dict) or not values or before.endswith("resources."):
        return [before.rstrip(".")]
    return [path for name, value in values.items() for path in paths(value, f"{before}{name}.")]


def read(values: object, path: str) -> str | None:
    """Give the value of a path as JSON, None if there is none."""
    for name in path.split("."):
        values = values.get(name) if isinstance(values, dict) else None
    return None if values is None else json.dumps(values)


def test_each_value_has_a_comment_and_a_place_in_the_schema() -> None:
    described = {value.path: value.comment for value in chart_files.list_values()}
    assert list(described) == paths(yaml.safe_load(chart_files.VALUES.read_text()))
    assert all(comment.endswith((".", "ca.crt")) for comment in described.values())
    schema = json.loads(chart_files.SCHEMA.read_text())
    for path in described:
        here = schema
        for name in path.split("."):
            here = here["properties"][name]
        assert here, path


def test_what_is_made_of_other_files_is_as_these_are_now() -> None:
    assert chart_files.write_schema() == chart_files.SCHEMA.read_text(), WRITE
    assert chart_files.write_readme() == chart_files.README.read_text(), WRITE
    assert chart_files.RULES.read_bytes() == chart_files.ORIGINAL_RULES.read_bytes(), WRITE


def test_no_secret_is_a_setting_among_the_values() -> None:
    secret = {"redis_url", "queue_url", "sentinel_password", "app_secret", "token_keys", "gateway_tokens", "apps"}
    for kind in (ProcessSettings, Settings, GatewaySettings):
        listed = chart_files.list_settings(kind)
        assert not listed & (secret | chart_files.OF_THE_CHART)
        assert listed | secret | chart_files.OF_THE_CHART >= set(kind.__struct_fields__)


def test_the_readme_of_the_chart_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", chart_files.README.read_text())
    assert [link for link in links if not (CHART / link).exists()] == []
