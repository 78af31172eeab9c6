"""Tell what is to be reached beside what was measured: one table, whatever section a line comes from."""

from benchmarks.reporting.report import Report


def reach(report: Report, what: str, measured: float, bar: float, *, at_least: bool = False) -> None:
    """A line of it; at most the bar, unless it is to be at least that."""
    reached = measured >= bar if at_least else measured <= bar
    figures = {"bar": f"{'≥' if at_least else '≤'} {bar:g}", "measured": measured, "reached": reached}
    report.row("to reach", {"what": what, **figures})
