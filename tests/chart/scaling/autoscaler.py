"""The arithmetic of Kubernetes' autoscaler for an external metric, as KEDA gives it one.

It follows `GetExternalPerPodMetricReplicas` and `GetExternalMetricReplicas` of kube-controller-manager
(pkg/controller/podautoscaler/replica_calculator.go).
"""

from math import ceil
from typing import Final

TOLERANCE: Final = 0.1
"""Deviation up to which nothing is changed, unless the cluster or the behavior of a scaler says otherwise."""


def decide_replicas(
    metric: float, now: int, target: float, *, kind: str = "AverageValue", tolerance: float = TOLERANCE
) -> int:
    """Decide the number of pods.

    Args:
        metric: the value that KEDA has read.
        now: the pods that there are, one at least.
        target: the target of the metric.
        kind: its type. `AverageValue` divides the metric by the target, `Value` multiplies the pods by their ratio.
        tolerance: the part by which the ratio may deviate from 1.
    """
    average = kind == "AverageValue"
    ratio = metric / (target * now) if average else metric / target
    if 1.0 - tolerance <= ratio <= 1.0 + tolerance:
        return now
    return ceil(metric / target) if average else ceil(ratio * now)
