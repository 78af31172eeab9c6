"""Programs of other teams that ask and consume with traces: OpenTelemetry is theirs to set up."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tests.processes import Child, process

SETUP: Final = """
import asyncio, json, sys
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from shopstream import EventConsumer, SyncClient
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("theirs")
"""
ASK: Final = """
async def main(url, shop, *ids):
    async with SyncClient(url) as client:
        with tracer.start_as_current_span("their request"):
            request = await client.sync_products(shop, ids)
        await client.wait(request, timeout=60)
asyncio.run(main(*sys.argv[1:]))
provider.shutdown()
"""
CONSUME: Final = """
async def main(url, stream, number):
    number = int(number)
    async with EventConsumer(url, stream=stream, group="erp") as consumer:
        async for event in consumer:
            with tracer.start_as_current_span("their handler"):
                await event.ack()
            print(json.dumps([event.id, event.entry_id, event.traceparent]), flush=True)
            number -= 1
            if not number:
                break
    with tracer.start_as_current_span("their end"):
        pass
asyncio.run(main(*sys.argv[1:]))
provider.shutdown()
"""


@asynccontextmanager
async def run_program(text: str, *arguments: str, env: dict[str, str]) -> AsyncIterator[Child]:
    async with process(sys.executable, "-c", SETUP + text, *arguments, env=env) as child:
        yield child


async def run_to_end(text: str, *arguments: str, env: dict[str, str]) -> str:
    """Run a program, and give what it has printed."""
    async with run_program(text, *arguments, env=env) as child:
        out, err = await asyncio.wait_for(child.communicate(), 90)
        assert child.returncode == 0, err.decode()
        return out.decode()
