"""A collector of traces, as OTLP over HTTP has them: it decodes what processes really send."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tests.processes import free_port, until

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
OFTEN: Final = "100"
"""Milliseconds between two exports of a process under test."""


@dataclass(frozen=True)
class SentSpan:
    """A span as it arrived, its ids in hex."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: dict[str, str | int]
    failed: bool
    seconds: float

    @property
    def context(self) -> str:
        return f"00-{self.trace}-{self.id}-01"


@dataclass
class Collector:
    url: str
    spans: list[SentSpan] = field(default_factory=list)
    requests: int = 0
    status: int = 200
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    def env(self, **more: str) -> dict[str, str]:
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": OFTEN, **more}

    def of(self, name: str, **attributes: str | int) -> list[SentSpan]:
        """The spans of a name with these attributes; `__` stands for a dot."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        return [one for one in self.spans if one.name == name and wanted.items() <= one.attributes.items()]

    async def wait_for(self, name: str, number: int = 1, **attributes: str | int) -> Sequence[SentSpan]:
        async def arrived() -> bool:
            return len(self.of(name, **attributes)) >= number

        await until(arrived, seconds=30)
        found = self.of(name, **attributes)
        assert len(found) == number, found
        return found

    async def take(self, request: web.Request) -> web.Response:
        self.requests += 1
        body = await request.read()
        await self.answering.wait()
        if self.status == 200:
            self.spans += read_spans(body)
        return web.Response(status=self.status)


def read_spans(body: bytes) -> list[SentSpan]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    sent = ExportTraceServiceRequest.FromString(body)
    return [
        _read(str(_values(one.resource.attributes)["service.name"]), span)
        for one in sent.resource_spans
        for scope in one.scope_spans
        for span in scope.spans
    ]


def _read(service: str, span: "Span") -> SentSpan:
    return SentSpan(
        service=service, name=span.name, kind=span.kind, trace=span.trace_id.hex(), id=span.span_id.hex(),
        parent=span.parent_span_id.hex(), links=tuple(link.span_id.hex() for link in span.links),
        attributes=_values(span.attributes), failed=span.status.code == 2,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
    )  # fmt: skip


def _values(attributes: "Sequence[KeyValue]") -> dict[str, str | int]:
    return {
        one.key: one.value.string_value if one.value.HasField("string_value") else one.value.int_value
        for one in attributes
    }


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A collector that answers at once."""
    port = free_port()
    found = Collector(f"http://127.0.0.1:{port}")
    found.answering.set()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/traces", found.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield found
    finally:
        found.answering.set()
        await runner.cleanup()
