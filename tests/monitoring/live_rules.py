"""Ask Prometheus's rules what they would say if what processes export now stayed so for half an hour."""

import re
import tempfile
import time
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.monitoring.monitoring_files import RULES
from tests.monitoring.promtool import run_promtool

MINUTES = 30


def list_firing(*scrapes: str) -> set[str]:
    """The names of the alerts that fire. A scrape is what one process exports.

    Gauges stay as they are, counters have grown evenly from 0, and a moment was just now.
    """
    series = [one for instance, text in enumerate(scrapes) for one in _read(text, instance)]
    query = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{MINUTES}m",
        "exp_samples": [{"labels": '{alertname="none"}', "value": 1}],
    }  # fmt: skip
    document = {
        "rule_files": [str(RULES)], "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [query]}],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "live.yml").write_text(yaml.safe_dump(document))
        code, output = run_promtool("test", "rules", "live.yml", folder=Path(name))
    assert code == 1, output
    _, got, rest = output.partition("got:")
    assert got, output
    return set(re.findall(r'alertname="(\w+)"', rest))


def _read(text: str, instance: int) -> list[dict[str, str]]:
    now = time.time()
    found = []
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {**sample.labels, "instance": str(instance)}
            shown = ", ".join(f'{name}="{value}"' for name, value in labels.items())
            value = sample.value
            if family.type in {"counter", "histogram"}:
                values = f"0+{value / MINUTES:.6f}x{MINUTES}"
            else:
                values = f"{value - now if 'timestamp_seconds' in sample.name else value:.6f}+0x{MINUTES}"
            found.append({"series": f"{sample.name}{{{shown}}}", "values": values})
    return found
