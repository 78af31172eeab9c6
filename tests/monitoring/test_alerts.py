"""The alerts as Prometheus reads them: valid, each tried in both directions, each with its way to the cause."""

import re
from pathlib import Path

import pytest
import yaml

from tests.monitoring.monitoring_files import (
    CASES,
    PROMETHEUS,
    RULES,
    read_alerts,
    read_cases,
    read_rules,
)
from tests.monitoring.promtool import PromtoolMissing, download, run_promtool

SEVERITIES = {
    "FreshnessBurnFast": "page", "FreshnessBurnSlow": "ticket", "UrgentSlow": "page", "NoWorkers": "page",
    "SlotsStarved": "page", "NothingPublished": "page", "UpstreamFailing": "page", "Misconfigured": "page",
    "ThrottledTooOften": "ticket", "SellerMustAuthorize": "ticket", "ConsentEndsSoon": "ticket",
    "TokenNotRenewed": "page", "GroupBehind": "page", "GroupLosing": "page", "StreamNearCap": "ticket",
    "DeadLetters": "ticket", "RedisNearlyFull": "page", "Drift": "ticket", "WebhooksSilent": "ticket",
    "WebhooksForged": "ticket", "GatewaySlow": "ticket",
}  # fmt: skip
PAGES = {
    "/", "/?state=stopped", "/?state=throttled", "/shops/{{ $labels.shop }}", "/streams", "/dead", "/workers",
    "/authorizations",
}  # fmt: skip


@pytest.mark.usefixtures("promtool")
def test_prometheus_takes_rules_and_configuration() -> None:
    code, output = run_promtool("check", "config", "prometheus.yml", folder=PROMETHEUS)
    assert code == 0, output
    assert f"{len(read_rules())} rules found" in output


@pytest.mark.usefixtures("promtool")
def test_each_case_of_the_rules_holds() -> None:
    code, output = run_promtool("test", "rules", CASES.name, folder=PROMETHEUS)
    assert code == 0, output


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    checks = [check for case in read_cases() for check in case["alert_rule_test"]]
    firing = {check["alertname"] for check in checks if check.get("exp_alerts")}
    silent = {check["alertname"] for check in checks if not check.get("exp_alerts")}
    assert firing == silent == read_alerts().keys()


def test_each_alert_has_its_severity_and_leads_to_its_runbook_and_page() -> None:
    assert {name: rule.get("labels", {}).get("severity") for name, rule in read_alerts().items()} == SEVERITIES
    for name, rule in read_alerts().items():
        annotations = rule.get("annotations", {})
        assert annotations.keys() == {"summary", "description", "runbook_url", "page"}, name
        assert annotations["runbook_url"] == "{{ $externalLabels.runbooks }}docs/runbook.md#" + name.lower()
        assert annotations["page"] in PAGES, name


def test_an_alert_says_what_it_is_about() -> None:
    for name, rule in read_alerts().items():
        annotations = rule.get("annotations", {})
        grouped = re.findall(r"\bby \(([^)]*)\)", rule["expr"])
        labels = {label.strip() for found in grouped for label in found.split(",")} - {"le"}
        text = annotations["summary"] + annotations["description"]
        assert labels <= set(re.findall(r"\$labels\.(\w+)", text)), name


def test_the_base_of_runbooks_stands_in_one_place() -> None:
    configuration = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert configuration["global"]["external_labels"]["runbooks"].endswith("/")
    assert "https:" not in RULES.read_text()


def test_without_promtool_and_apt_a_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PromtoolMissing, match=r"^promtool is missing: install Prometheus.*apt-get'$"):
        download(tmp_path / "cache")
