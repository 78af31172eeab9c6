"""The benchmarks of asking, in short: they run, and what they count is right."""

from pathlib import Path

from benchmarks.reporting.report import Report
from benchmarks.wire.rows import crowd, enqueue, idle, latency


async def test_latencies_are_above_the_upstreams_own_and_the_sweep_is_told_apart(tmp_path: Path) -> None:
    report = Report("latency", tmp_path)
    await latency.rows(report, latency.SHORT)
    woken, *reached, swept = report.rows
    assert [row["bar"] for row in reached] == ["≤ 15", "≤ 50"]
    assert woken["upstream_ms"] >= 1e3 * latency.DELAY
    assert 0 < woken["above_upstream_p50_ms"] <= woken["above_upstream_p99_ms"] <= woken["above_upstream_max_ms"]
    assert (woken["enqueues"], swept["enqueues"]) == (10, 2)


async def test_every_id_of_a_call_is_asked_for(tmp_path: Path) -> None:
    report = Report("enqueue", tmp_path)
    await enqueue.rows(report, enqueue.SHORT)
    single, bulk, reached = report.rows
    assert (single["calls"], bulk["calls"], reached["bar"]) == (10, 3, "≥ 100000")
    assert bulk["ids_per_cpu_second"] > single["ids_per_cpu_second"] > 0


async def test_an_idle_worker_sends_a_handful_of_commands_a_second(tmp_path: Path) -> None:
    report = Report("idle", tmp_path)
    await idle.rows(report, idle.SHORT)
    (alone,) = report.rows
    assert 0 < alone["sent_per_second"] < 20, "5.6 measured; arq alone polled ten times a second before"


async def test_urgent_ids_among_a_crowd_are_all_published(tmp_path: Path) -> None:
    report = Report("crowd", tmp_path)
    await crowd.rows(report, crowd.SHORT)
    latencies, reached = report.rows
    assert (latencies["enqueues"], reached["bar"]) == (4, "≤ 2")
    assert 0 < latencies["p50_s"] <= latencies["p95_s"] <= latencies["max_s"]
