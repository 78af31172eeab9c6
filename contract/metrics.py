"""The table of docs/metrics.md: each metric with its labels and the processes that export it."""

from typing import Final

from shopstream.metric_names import METRICS, Label, Metric

BEGIN: Final = "<!-- the table, by make contract -->"
END: Final = "<!-- end of the table -->"
_PROCESSES: Final = (("worker", "Of a worker"), ("gateway", "Of a gateway"))


def tables() -> str:
    """Write a table of metrics for each kind of process, and one of the labels, in Markdown."""
    parts = [_table(title, [one for one in METRICS if process in one.processes]) for process, title in _PROCESSES]
    return "\n".join([*parts, _labels(), ""])


def filled(page: str) -> str:
    """Put the tables into the page between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def _table(title: str, metrics: list[Metric]) -> str:
    lines = [f"\n## {title}\n", "| metric | kind | labels | meaning |", "|---|---|---|---|"]
    lines += [f"| `{one.name}` | {one.kind} | {_names(one)} | {one.text}{_buckets(one)} |" for one in metrics]
    return "\n".join(lines)


def _names(metric: Metric) -> str:
    return ", ".join(f"`{label.name}`" for label in metric.labels) or "-"


def _buckets(metric: Metric) -> str:
    return f" Buckets: {', '.join(f'{bound:g}' for bound in metric.buckets)} s." if metric.buckets else ""


def _labels() -> str:
    lines = ["\n## Labels\n", "| label | of | values |", "|---|---|---|"]
    users: dict[Label, list[str]] = {}
    for metric in METRICS:
        for label in metric.labels:
            users.setdefault(label, []).append(f"`{metric.name.removeprefix('shopstream_')}`")
    for label, names in users.items():
        values = ", ".join(f"`{value}`" for value in label.values) or label.meaning
        lines.append(f"| `{label.name}` | {', '.join(names)} | {values} |")
    return "\n".join(lines)
