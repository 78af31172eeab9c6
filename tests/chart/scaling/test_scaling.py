"""KEDA's way from /v1/scale to the number of workers: its question, Kubernetes' arithmetic, and where they end."""

from fractions import Fraction
from math import ceil
from typing import Any

import pytest

from gateway.api.answers.scale import ScaleAnswer, decide
from shopstream.registry.workers import WorkerSeen
from tests.chart.rendering import Document, render, take
from tests.chart.scaling.autoscaler import decide_replicas

SLOTS = 64
EXACT_MOST = 9
"""Workers up to which a difference of one is more than Kubernetes' tolerance."""


@pytest.fixture
def trigger(helm: None) -> dict[str, Any]:  # noqa: ARG001 - no chart without it
    (found,) = scaled_object()["triggers"]
    assert isinstance(found, dict)
    return found


def scaled_object(case: str = "full", *more: str) -> Document:
    spec: Document = take(render(case, *more), "ScaledObject")["spec"]
    return spec


def settle(wanted: int, now: int, trigger: dict[str, Any], **more: Any) -> int:
    """Give the number of workers once Kubernetes changes nothing any more."""
    target = float(trigger["metadata"]["targetValue"])
    for _ in range(5):
        now, before = decide_replicas(wanted, now, target, kind=trigger["metricType"], **more), now
        if now == before:
            return now
    raise AssertionError(f"no end: {wanted} wanted, {now} made")


def test_keda_asks_the_gateway_with_a_token_out_of_a_secret(trigger: dict[str, Any]) -> None:
    documents = render("full")
    service = take(documents, "Service", "-private")
    (port,) = service["spec"]["ports"]
    meta = service["metadata"]
    assert trigger["type"] == "metrics-api"
    assert trigger["metadata"] == {
        "url": f"http://{meta['name']}.{meta['namespace']}.svc:{port['port']}/v1/scale",
        "valueLocation": "workers_wanted",
        "targetValue": "1",
        "authMode": "bearer",
    }
    assert trigger["metadata"]["valueLocation"] in ScaleAnswer.__struct_fields__
    authentication = take(documents, "TriggerAuthentication")
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
    assert authentication["spec"]["secretTargetRef"] == [{"parameter": "token", "name": "keda-token", "key": "token"}]


def test_there_are_exactly_as_many_workers_as_wanted_up_to_nine(trigger: dict[str, Any]) -> None:
    for now in range(1, EXACT_MOST + 1):
        for wanted in range(1, 60):
            assert settle(wanted, now, trigger) == wanted


def test_from_ten_on_the_number_is_within_a_tenth_unless_the_tolerance_is_none(trigger: dict[str, Any]) -> None:
    for now in range(EXACT_MOST + 1, 60):
        for wanted in range(1, 60):
            assert abs(settle(wanted, now, trigger) - wanted) <= now / 10
            assert settle(wanted, now, trigger, tolerance=0) == wanted
    assert settle(11, 10, trigger) == 10
    assert settle(12, 10, trigger) == 12


def test_the_type_value_would_multiply_the_workers(trigger: dict[str, Any]) -> None:
    assert decide_replicas(3, 2, 1, kind="Value") == 6
    with pytest.raises(AssertionError, match="no end"):
        settle(3, 2, trigger | {"metricType": "Value"})


@pytest.mark.usefixtures("helm")
def test_the_tolerance_is_a_value_of_the_chart() -> None:
    behavior = scaled_object()["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior == {"scaleUp": {"tolerance": "0"}, "scaleDown": {"tolerance": "0"}}
    assert "advanced" not in scaled_object("default", "--set", "scaling.enabled=true")


def ask(demand: int, now: int) -> ScaleAnswer:
    """Ask for the wanted workers while `now` workers could use `demand` slots; work waits if they have fewer."""
    shares = [demand // now + (number < demand % now) for number in range(now)]
    seen = [
        WorkerSeen(f"w{at}", "h", at, "", SLOTS, min(SLOTS, one), full=False, seen_ms=0)
        for at, one in enumerate(shares)
    ]
    return decide(seen, 60.0 if demand > SLOTS * now else 0.0)


@pytest.mark.parametrize("demand", [0, 1, 44, 45, 64, 65, 128, 500, 600, 1_300])
def test_workers_grow_until_no_work_waits_and_then_rest(demand: int, trigger: dict[str, Any]) -> None:
    for begin in (1, 2, 9, 30):
        path = [begin]
        for _ in range(30):
            path.append(settle(ask(demand, path[-1]).workers_wanted, path[-1], trigger))
        end = path[-1]
        assert path[-10:] == [end] * 10, "it comes to rest"
        assert path in (sorted(path), sorted(path, reverse=True)), "it never goes back and forth"
        assert end * SLOTS >= demand, "no work waits"
        assert end <= max(1, ceil(demand / (0.7 * SLOTS)) * 1.12), "no worker is idle"


def test_the_formula_is_exact_for_each_number_of_slots() -> None:
    """By floating point 63 of 90 slots would be a little more than 0.7 of them."""
    for slots in range(1, 1_001):
        for in_use in {slots * 7 // 10, slots * 7 // 10 + 1, slots}:
            seen = [WorkerSeen("w", "h", 1, "", slots, in_use, full=False, seen_ms=0)]
            assert decide(seen, 60.0).workers_wanted == max(1, ceil(Fraction(10 * in_use, 7 * slots))), (slots, in_use)


def test_without_a_worker_one_is_wanted_so_keda_makes_the_first(trigger: dict[str, Any]) -> None:
    """KEDA itself leads from 0 to minReplicaCount: the value is above its activation, which is 0 by default."""
    for overdue in (0.0, 600.0):
        wanted = decide([], overdue).workers_wanted
        assert wanted == 1
        assert wanted > float(trigger["metadata"].get("activationTargetValue", 0))
    assert scaled_object("default", "--set", "scaling.enabled=true")["minReplicaCount"] == 1
