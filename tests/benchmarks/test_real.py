"""The headline of the speed figures, in short: each design and each quota over TLS, gzip and chunks."""

import sysconfig

import msgspec
import pytest

from benchmarks.real.figures import DESIGNS, OURS
from benchmarks.real.pushes import pushed_product
from benchmarks.real.sizes import SHORT
from benchmarks.real.upstream import RealUpstream
from benchmarks.real.whole import measure, run
from benchmarks.reporting.report import Report


async def test_every_design_and_quota_is_measured_over_tls_with_pushes_mixed_in() -> None:
    report = Report("real", None)
    await measure(report, SHORT, ahead=False)
    designs = [row for row in report.rows if "design" in row]
    assert [row["design"] for row in designs] == [*(DESIGNS[name] for name in SHORT.products), OURS]
    quota, full = [row for row in report.rows if "left_late" in row]
    assert all(row["worker_cpu_µs"] > 0 and row["redis_commands_a_call"] > 0 for row in [*designs, quota, full])


async def test_the_look_at_a_pushed_sku_finds_that_sku_alone() -> None:
    product = pushed_product(3)
    sku = f"1730{product[4:]}"
    page = msgspec.json.decode(RealUpstream(4, 0.02)._page(msgspec.json.encode({"sku_ids": [sku]})))
    (found,) = page["data"]["inventory"]
    assert (found["product_id"], [one["id"] for one in found["skus"]]) == (product, [sku])


async def test_a_python_that_was_built_without_a_profile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": "--enable-shared"}.get)
    with pytest.raises(SystemExit, match=r"--enable-optimizations.*apt-get"):
        await run(Report("real", None))
