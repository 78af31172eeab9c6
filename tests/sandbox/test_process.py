"""The process: its one line, its end, and who may turn it."""

import asyncio
import signal
import sys
from pathlib import Path
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from shopstream_sandbox.__main__ import application
from shopstream_sandbox.world import World
from tests import processes
from tests.processes import until, within
from tests.sandbox.caller import PRODUCT, SEED_ID, granted
from tests.sandbox.process import ROOT, running_sandbox


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_at_once_even_with_calls_in_hand(number: signal.Signals) -> None:
    async with running_sandbox("--shops", "1", "--products", "2") as box:
        me = await granted(box)
        await box.control("faults", rate=1, kinds=["timeout"], seconds=30)
        hanging = asyncio.create_task(me.call(PRODUCT + SEED_ID))

        async def counted() -> int:
            return int((await box.see("stats"))["calls"])  # a call is counted before it hangs

        await until(counted)
        box.child.send_signal(number)
        assert await within(5, box.child.wait()) == 0
        with pytest.raises(aiohttp.ClientError):
            await hanging
        assert box.child.stdout is not None
        assert await box.child.stdout.read() == b""


async def test_a_hundred_thousand_products_cost_nothing_until_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "at_once", False)
    async with running_sandbox("--shops", "1", "--products", "100000") as box:
        ids = (await box.see(f"shops/{box.shops[0]['shop_id']}/products?offset=99998"))["products"]
        assert len(ids) == 2
        assert (await (await granted(box)).call(PRODUCT + ids[1])).data["id"] == ids[1]
        status = await asyncio.to_thread((Path("/proc") / str(box.child.pid) / "status").read_text)
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        assert int(resident.split()[1]) < 120_000  # KB


async def test_the_given_quota_holds_from_the_start() -> None:
    async with running_sandbox("--shops", "1", "--products", "2", "--quota", "0.01", "--token-life", "60") as box:
        me = await granted(box)
        assert [(await me.call(PRODUCT + SEED_ID)).status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("option", [
    ("--shops", "0"), ("--products", "-1"), ("--port", "x"), ("--port", "65546"), ("--quota", "0"), ("--quota", "nan"),
    ("--token-life", "-5"), ("--webhook-url", "banana"), ("--redirect-url", "x"),
])  # fmt: skip
async def test_nonsense_is_refused_in_words(option: tuple[str, str]) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "shopstream_sandbox",
        *option,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(child.communicate(), 60)
    assert (child.returncode, out) == (2, b"")
    assert option[0].encode() in errors
    assert b"Traceback" not in errors


async def test_a_port_that_is_taken_and_a_host_that_is_none_are_one_line() -> None:
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as taken:
        port = str(taken.sockets[0].getsockname()[1])
        for options in (("--port", port), ("--port", "0", "--host", "nowhere.invalid")):
            async with processes.program("shopstream_sandbox", *options) as child:
                out, errors = await asyncio.wait_for(child.communicate(), 60)
            assert (child.returncode, out, errors.count(b"\n")) == (1, b"", 1), errors
            assert b"cannot listen on" in errors


@pytest.mark.parametrize(("peer", "open_control", "status"), [
    ("127.0.0.1", False, 200), ("::1", False, 200), ("10.0.0.9", False, 403), ("10.0.0.9", True, 200),
])  # fmt: skip
async def test_control_calls_are_for_the_loopback(peer: str, *, open_control: bool, status: int) -> None:
    app = application(World(shops=1, products=1, seed=1, open_control=open_control))
    transport = Mock(get_extra_info=lambda name, default=None: (peer, 1) if name == "peername" else default)
    request = make_mocked_request("GET", "/_sandbox/stats", app=app, transport=transport)
    match = await app.router.resolve(request)
    assert (await match.handler(request)).status == status
