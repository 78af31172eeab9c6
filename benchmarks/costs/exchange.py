"""CPU of an HTTP call by aiohttp's session and by the lean way, in turn: `make bench ONLY=exchange`."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import orjson

from benchmarks.reporting.report import Report
from benchmarks.wire.reach import reach
from config.project.optimized_python import is_optimized
from tests.processes import program
from tests.running.tls import Authority

BAR: Final = 0.6
"""Of the session's CPU, for a plain call."""
_ENDS: Final = "benchmarks.costs.exchange_ends"


@dataclass(frozen=True)
class Sizes:
    """Calls of each round by each way, and rounds; the median is reported."""

    calls: int = 4_000
    rounds: int = 5


SHORT: Final = Sizes(calls=64, rounds=1)


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """Each kind of answer from a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        authority.context("localhost")
        certificate = str(Path(folder) / "localhost-1.pem")
        for tls in (False, True):
            for coding in ("plain", "gzip"):
                server = ("serve", coding, *([certificate] if tls else []))
                rounds = await _measure(server, sizes, {"SSL_CERT_FILE": str(authority.path)} if tls else {})
                _tell(report, "TLS 1.3" if tls else "none", coding, rounds)


async def _measure(server: tuple[str, ...], sizes: Sizes, env: dict[str, str]) -> list[dict[str, float]]:
    async with program(_ENDS, *server) as serving:
        assert serving.stdout is not None
        url = (await serving.stdout.readline()).decode().strip()
        async with program(_ENDS, "call", url, str(sizes.calls), env=env, stdin=-1) as calling:
            assert calling.stdin is not None
            assert calling.stdout is not None
            rounds = []
            for _ in range(sizes.rounds):
                calling.stdin.write(b"\n")
                rounds.append(orjson.loads(await calling.stdout.readline()))
            return rounds


def _tell(report: Report, tls: str, coding: str, rounds: list[dict[str, float]]) -> None:
    session, lean = (median(one[way] for one in rounds) for way in ("session", "lean"))
    ratios = [one["lean"] / one["session"] for one in rounds]
    figures = {
        "encryption": tls,
        "body": coding,
        "session_cpu_µs": round(session, 1),
        "lean_cpu_µs": round(lean, 1),
        "ratio": round(median(ratios), 2),
        "from_to": f"{min(ratios):.2f} to {max(ratios):.2f}",
        "python_optimized": is_optimized(),
    }
    report.row("CPU of a call, by aiohttp's session and by the lean way", figures)
    if tls == "none" and coding == "plain":
        reach(report, "lean call, of the session's CPU", round(median(ratios), 2), BAR)
