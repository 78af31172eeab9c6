"""Traces that are off are not there: no process of ours, and no service that uses us, has loaded OpenTelemetry."""

import asyncio
import json
import signal
import sys
from typing import Final

import pytest

from tests.gateway.process import APP_KEY, SECRET
from tests.processes import patient, process, program, sandbox
from tests.tracing.collector import collector

LISTING: Final = """
import json, signal, sys
from {module}.__main__ import main

def show(*_):
    loaded = sorted(name for name in sys.modules if name.split(".")[0] == "opentelemetry" or "trac" in name.lower())
    print(json.dumps([name for name in loaded if name.split(".")[0] in OURS]), flush=True)

OURS = {{"opentelemetry", "worker", "gateway", "jobs", "shopstream", "config"}}
signal.signal(signal.SIGUSR1, show)
sys.exit(main())
"""
SERVICE: Final = """
import asyncio, json, sys
from shopstream import EventConsumer, SyncClient

async def main(url, shop, product):
    async with SyncClient(url) as client, EventConsumer(url, stream="stock", group="erp") as consumer:
        await client.wait(await client.sync_products(shop, [product]), timeout=60)
        async for event in consumer:
            await event.ack()
            break
    print(json.dumps([name for name in sys.modules if name.split(".")[0] == "opentelemetry"]))

asyncio.run(main(*sys.argv[1:]))
"""
SEED: Final = "1731029337055922770"
ALWAYS: Final = {"config.tracing", "gateway.webhooks.traced_intake"}
"""Modules that a process without traces loads, which import nothing of OpenTelemetry."""


@pytest.mark.parametrize("off", [{}, {"SHOPSTREAM_TRACING": "off"}, {"OTEL_TRACES_EXPORTER": "none"}])
async def test_nothing_of_opentelemetry_is_loaded(redis_url: str, off: dict[str, str]) -> None:
    async with collector() as traces, sandbox("--shops", "1", "--products", "3") as front, patient(redis_url) as client:
        endpoint = traces.env() if off else {}
        env = front.env(redis_url, **endpoint | off)
        async with process(sys.executable, "-c", LISTING.format(module="worker"), env=env) as child:
            assert child.stderr is not None
            await asyncio.wait_for(child.stderr.readuntil(b"worker_started"), 60)
            await front.authorize(client)
            shop = front.shops[0]["shop_id"]
            arguments = ("-c", SERVICE, redis_url, shop, SEED)
            async with process(sys.executable, *arguments, env=endpoint | off) as service:
                out, err = await asyncio.wait_for(service.communicate(), 90)
                assert service.returncode == 0, err.decode()
                assert json.loads(out) == []
            assert await _list(child) <= ALWAYS
        env = {
            "SHOPSTREAM_REDIS_URL": redis_url, "SHOPSTREAM_APP_KEY": APP_KEY, "SHOPSTREAM_APP_SECRET": SECRET,
            "SHOPSTREAM_GATEWAY_PUBLIC": "127.0.0.1:0", "SHOPSTREAM_GATEWAY_PRIVATE": "127.0.0.1:0", **endpoint, **off,
        }  # fmt: skip
        async with process(sys.executable, "-c", LISTING.format(module="gateway"), env=env) as child:
            assert child.stderr is not None
            await asyncio.wait_for(child.stderr.readuntil(b"gateway_started"), 60)
            assert await _list(child) <= ALWAYS
        assert traces.requests == 0


async def _list(child: asyncio.subprocess.Process) -> set[str]:
    assert child.stdout is not None
    child.send_signal(signal.SIGUSR1)
    return set(json.loads(await asyncio.wait_for(child.stdout.readline(), 60)))


WITHOUT: Final = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
"""


@pytest.mark.parametrize("module", ["worker", "gateway"])
@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"SHOPSTREAM_TRACING": "on"}, "pip install 'shopstream[otel]'"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "pip install 'shopstream[otel]'"),
    ],
)
async def test_a_process_without_the_extra_refuses_traces_in_one_line(
    redis_url: str, module: str, more: dict[str, str], complaint: str
) -> None:
    lines = await _refuse(redis_url, module, WITHOUT, more)
    assert len(lines) == 1
    assert lines[0].startswith(f"{module} does not start: ")
    assert complaint in lines[0]


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
        ({"SHOPSTREAM_TRACING": "on", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ({"SHOPSTREAM_TRACING": "perhaps"}, "SHOPSTREAM_TRACING"),
    ],
)
async def test_what_shopstream_cannot_send_is_refused_in_one_line(
    redis_url: str, more: dict[str, str], name: str
) -> None:
    (line,) = await _refuse(redis_url, "worker", "", more)
    assert name in line


async def _refuse(redis_url: str, module: str, before: str, more: dict[str, str]) -> list[str]:
    env = {
        "SHOPSTREAM_REDIS_URL": redis_url, "SHOPSTREAM_APP_KEY": APP_KEY, "SHOPSTREAM_APP_SECRET": SECRET,
        "SHOPSTREAM_TOKEN_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", **more,
    }  # fmt: skip
    text = f"{before}\nimport sys\nfrom {module}.__main__ import main\nsys.exit(main())"
    running = process(sys.executable, "-c", text, env=env) if before else program(module, env=env)
    async with running as child:
        _, err = await asyncio.wait_for(child.communicate(), 60)
        assert child.returncode == 2, err.decode()
        return err.decode().splitlines()


async def test_a_service_without_the_extra_goes_on_unless_it_asks_for_traces(redis_url: str) -> None:
    text = f"{WITHOUT}\nfrom shopstream import SyncClient, EventConsumer\nSyncClient(sys.argv[1])\n"
    text += "EventConsumer(sys.argv[1], stream='stock', group='erp')"
    for more, code in (({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, 0), ({"SHOPSTREAM_TRACING": "on"}, 1)):
        async with process(sys.executable, "-c", text, redis_url, env=more) as child:
            _, err = await asyncio.wait_for(child.communicate(), 60)
            assert child.returncode == code, err.decode()
            assert ("TracingNotInstalled" in err.decode()) == bool(code)
