"""Other limiters, set to the right number by hand, against a quota: `python -m benchmarks.pace.peers_fleet`.

Each library has a fleet of processes (`benchmarks.pace.peers`) and a shop of its own; what they reached is counted by
the sandbox. Prints a table and a line of JSON.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.pace.peers import LIBRARIES
from benchmarks.valkey import valkey
from tests.processes import Sandbox, program, sandbox
from worker.tiktok.auth import AuthClient
from worker.tiktok.http import new_session

SETTLED: Final = 5.0
"""Seconds that are left out of the share: processes start, and a window begins empty."""
_PRODUCTS: Final = 200
_GRACE: Final = 60.0
"""Seconds after which a process that should have ended is ended."""


async def compare(
    redis_url: str,
    front: Sandbox,
    shops: Sequence[str],
    rate: int,
    seconds: float,
    processes: int,
    *,
    shared_pause: bool = False,
) -> dict[str, dict[str, Any]]:
    """Run every library at the same time, each at a shop of its own, and say what the sandbox saw.

    Args:
        redis_url: where the limiters keep their state.
        front: a running sandbox in which the quota of the shops is set.
        shops: ids, one for each of LIBRARIES.
        rate: calls a second that each limiter is set to, which is the quota.
        seconds: how long each process calls; starting them comes on top, half a second for each.
        processes: of each library.
        shared_pause: whether a 429 pauses the whole fleet, or only the process that got it.

    Returns:
        By library: `version`, `algorithm`; of the whole run `calls`, `ok`, `throttled`, `throttled_percent`,
        `smallest_gap_ms`, `smallest_gap_in_spacings`, and `failed`, which the processes alone know: calls without a
        usable answer, a sign of a machine that is too busy; and `share`: calls let through from the 5th second on (or
        the second half of a run shorter than 10 s), of those that the quota allowed.

    Raises:
        TimeoutError: a process hung; it was ended.
        ExceptionGroup: a process failed; inside, with the end of what it wrote.
        RuntimeError: the sandbox saw other calls than the processes sent.
    """
    document = await front.see("record")
    if not document["on"]:
        await front.control("record", on=True)
    began = document["now"] if document["on"] else 0.0
    # On two cores imports would hold up calls that have their permit: no process calls while another still starts.
    start_at = time.time() + 1 + 0.5 * processes * len(LIBRARIES)
    options = ["--rate", str(rate), "--seconds", str(seconds), "--start-at", str(start_at)]
    options += ["--shared-pause"] if shared_pause else []
    async with asyncio.timeout(start_at - time.time() + seconds + _GRACE), asyncio.TaskGroup() as group:
        fleets = {
            name: group.create_task(_fleet(redis_url, front, shop, (name, *options), processes))
            for name, shop in zip(LIBRARIES, shops, strict=True)
        }
    record = (await front.see("record"))["record"]
    if not document["on"]:
        await front.control("record", on=False)
    found = {}
    for (name, fleet), shop in zip(fleets.items(), shops, strict=True):
        seen = [(at, code) for at, code in record[f"{shop} product"] if at >= began]
        counted, figures = fleet.result(), _figures(seen, rate, seconds)
        # What failed may or may not have arrived.
        if any(abs(counted[count] - figures[count]) > counted["failed"] for count in ("calls", "ok", "throttled")):
            raise RuntimeError(f"{name}: the processes and the sandbox don't agree: {counted}, {figures}")
        found[name] = counted | figures
    return found


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
        "ok": sum(code == 0 for _, code in rows),
        "throttled": throttled,
        "throttled_percent": round(100 * throttled / len(rows), 2),
        "smallest_gap_ms": round(gap * 1000, 1),
        "smallest_gap_in_spacings": round(gap * rate, 3),
    }


async def _fleet(redis_url: str, front: Sandbox, shop: str, arguments: Sequence[str], processes: int) -> dict[str, Any]:
    """Version and algorithm, and the counts of all processes together, when they have ended."""
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
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(_process(arguments, env)) for _ in range(processes)]
    results = [one.result() for one in running]
    counted = {count: sum(one[count] for one in results) for count in ("calls", "ok", "throttled", "failed")}
    return {"version": results[0]["version"], "algorithm": results[0]["algorithm"]} | counted


async def _process(arguments: Sequence[str], env: dict[str, str]) -> dict[str, Any]:
    """The line that one process prints at its end."""
    async with program("benchmarks.pace.peers", *arguments, env=env) as child:
        out, err = await child.communicate()
    if child.returncode != 0:
        raise RuntimeError(f"{arguments[0]} ended with {child.returncode}: {err.decode()[-1000:]}")
    result: dict[str, Any] = orjson.loads(out)
    return result


async def _run(asked: argparse.Namespace) -> dict[int, dict[str, Any]]:
    """By quota, what `compare` says; one quota after another."""
    found = {}
    for quota in asked.quotas:
        options = ("--shops", str(len(LIBRARIES)), "--products", str(_PRODUCTS), "--quota", str(quota))
        with valkey() as server:
            async with sandbox(*options) as front:
                shops = [shop["shop_id"] for shop in front.shops]
                url = f"{server.connection_url}/0"
                found[quota] = await compare(
                    url, front, shops, quota, asked.seconds, asked.processes, shared_pause=asked.shared_pause
                )
    return found


def _table(found: dict[int, dict[str, Any]]) -> Table:
    table = Table(
        "quota/s", "library", "algorithm", "share of the quota", "calls", "throttled", "failed", "smallest gap"
    )
    for quota, libraries in found.items():
        for name, seen in libraries.items():
            share, throttled = f"{seen['share']:.1%}", f"{seen['throttled']} ({seen['throttled_percent']} %)"
            library, gap = f"{name} {seen['version']}", f"{seen['smallest_gap_ms']} ms"
            table.add_row(
                str(quota), library, seen["algorithm"], share, str(seen["calls"]), throttled, str(seen["failed"]), gap
            )
    return table


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.pace.peers_fleet", description=__doc__)
    parser.add_argument("--quotas", type=int, nargs="+", default=[10, 20, 50], help="calls per second of a shop")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processes", type=int, default=4, help="of each library")
    parser.add_argument("--shared-pause", action="store_true", help="a 429 pauses the fleet, not one process")
    found = asyncio.run(_run(parser.parse_args()))
    Console().print(_table(found))
    print(orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS).decode())


if __name__ == "__main__":
    main()
