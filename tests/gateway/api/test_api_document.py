"""Every route, called as the OpenAPI document says and as it forbids: each answer is one that the document promises."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from redis.asyncio import Redis

from gateway.api.openapi import describe_api
from gateway.api.routes import ALL
from gateway.api.wire.problems import ALL as PROBLEMS
from shopstream.redis.keys import PREFIX, Partition
from shopstream.registry.shop import Shop
from tests.gateway.running import TOKENS, gateway
from tests.sources import ROOT

EXAMPLES: Final = 15
"""Calls of an operation with valid values, and with invalid ones. All together take about 20 s of a core."""
SHOP = "7495"


def operations(document: dict[str, Any]) -> Iterator[Any]:
    import schemathesis  # a second of a core, here and below
    from schemathesis.core.result import Ok

    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok)
        yield found.ok()


def test_the_document_names_every_endpoint_once() -> None:
    document: Any = describe_api(ALL)
    assert document["openapi"] == "3.1.0"
    listed = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    assert listed == {(endpoint.path, endpoint.method) for endpoint in ALL}
    names = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))
    assert len({kind.name for kind in PROBLEMS}) == len(PROBLEMS)


def test_the_page_has_a_row_for_each_endpoint_and_problem() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    rows = [f"| `{one.method} {one.path}` | {one.role or 'none'} | {one.summary} |\n" for one in ALL]
    rows += [f"| `{kind.name}` | {kind.status} | {kind.title} {kind.remedy} |\n" for kind in PROBLEMS]
    assert [row for row in rows if row not in page] == []


async def test_each_answer_is_one_that_the_document_promises(redis: Redis, redis_url: str) -> None:
    await redis.set(f"{PREFIX}:partitions", 1)
    shop = Shop(SHOP, "Name", "VN", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", 2**32)
    await redis.hset(Partition(0).registry, SHOP, shop.to_json())  # type: ignore[misc]
    async with gateway(redis_url) as running:
        document = (await running.call("GET", "/v1/openapi.json", role="")).json
        calls = await asyncio.to_thread(_call_all, document, running.private)
        assert set(calls) == {(endpoint.method, endpoint.path) for endpoint in ALL}
        assert min(calls.values()) >= 1
        assert "Traceback" not in running.logs
    await redis.flushall()


def _call_all(document: dict[str, Any], url: str) -> dict[tuple[str, str], int]:
    """Call each operation with valid and with invalid values; count the calls."""
    from schemathesis import GenerationMode

    found = list(operations(document))
    calls = dict.fromkeys(((one.method.upper(), one.path) for one in found), 0)
    for operation in found:
        _call(operation, GenerationMode.POSITIVE, url, calls)
        with suppress(Unsatisfiable):  # an operation without a part that could be wrong
            _call(operation, GenerationMode.NEGATIVE, url, calls)
    return calls


def _call(operation: Any, mode: Any, url: str, calls: dict[tuple[str, str], int]) -> None:
    from schemathesis.specs.openapi import checks

    promised = [
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
        checks.negative_data_rejection,
    ]
    name = (operation.method.upper(), operation.path)

    # The same examples in each run: another load beside the test changes nothing.
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        if case.path_parameters and "shop" in case.path_parameters and calls[name] % 2:
            case.path_parameters["shop"] = SHOP
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {TOKENS['operator']}"}
        calls[name] += 1
        case.call_and_validate(base_url=url, checks=promised)

    send()


async def test_a_strange_path_is_refused(redis_url: str) -> None:
    async with gateway(redis_url) as running:
        for path in ("/v1/shops/%2e%2e/products", "/v1/shops//products", "/v1/shops/7495%00", "/v1/%"):
            assert (await running.call("GET", path)).status in {400, 404, 405}, path
