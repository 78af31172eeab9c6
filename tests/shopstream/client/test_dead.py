"""Dead letters: seen, asked for again without a gap, dropped; in Python and by command."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio import Redis

from shopstream import EventConsumer, NoSuchLetter, SyncClient
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition, partition_for
from shopstream.registry.shop import Shop
from tests.processes import sandbox, until, worker
from tests.shopstream.consume.reading import publish
from tests.shopstream.test_cli import run
from worker.changes.drafts import Cause, letter
from worker.publishing.publish_entries import PublishEntry
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Target

P = Partition(0)
SHOP = "7495"


async def bury(redis: Redis, product: str, error_class: str = "unreadable", shop: str = SHOP, **more: Any) -> str:
    """A letter as workers write it; the shop is known. Its entry id."""
    partition = more.pop("partition", P)
    known = Shop(shop, "Name", "VN", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", 2**32)
    await redis.hset(partition.registry, shop, known.to_json())  # type: ignore[misc]
    data = {"kind": "products", "id": product, "error_class": error_class, "code": 0, "message": "m", "attempts": 5}
    cause = Cause(shop, "https://test", "request", "job-1", None, None, 1_700_000_000_000)
    entry = PublishEntry(b"", "", b"", b"", b"", [letter(data | more)], cause)
    await Publisher(redis).send(Target(partition, shop, "VN", "https://test"), None, [entry])
    return (await redis.xrevrange(partition.stream("dead"), count=1))[0][0].decode()  # type: ignore[no-any-return]


async def backlog(redis: Redis, shop: str = SHOP) -> dict[str, float]:
    return {
        one.decode(): score for one, score in await redis.zrange(P.backlog("products", shop), 0, -1, withscores=True)
    }


async def test_letters_are_found_by_shop_and_class_among_entries_that_are_none(redis: Redis) -> None:
    client = SyncClient(redis)
    first = await bury(redis, "10")
    await redis.xadd(P.stream("dead"), {"data": "{", "shopid": SHOP})
    await bury(redis, "11", "not_found")
    await bury(redis, "10", "unreadable", shop="7496")
    assert [letter.data["id"] async for letter in client.list_dead_letters()] == ["10", "11", "10"]
    for shop in (SHOP, int(SHOP), SHOP.encode()):
        assert [letter.data["id"] async for letter in client.list_dead_letters(shop)] == ["10", "11"]
    assert [letter.shop_id async for letter in client.list_dead_letters(error_class="unreadable")] == [SHOP, "7496"]
    assert [letter.entry_id async for letter in client.list_dead_letters(SHOP, "unreadable")] == [first]
    assert (await client.show_dead_letter(first)).data["attempts"] == 5
    for nothing in ("5-5", "x", "", "1/5-5", f"{2**64}-0", f"5-{2**64}", f"{first}\n", "9" * 5000):
        with pytest.raises(NoSuchLetter):
            await client.show_dead_letter(nothing)


async def test_a_requeued_id_is_in_its_backlog_and_due_and_its_letter_gone(redis: Redis) -> None:
    client = SyncClient(redis)
    entry, other = await bury(redis, "10"), await bury(redis, "11")
    await redis.zadd(P.backlog("products", SHOP), {"11": 0})
    done = await client.requeue_dead_letters(entry, other)
    assert (done.done, done.refused) == (2, {})
    waiting = await backlog(redis)
    assert waiting["11"] == 0, "an urgent id stays urgent"
    seconds, _ = await redis.time()
    assert (seconds - 60) * 1000 < waiting["10"] < (seconds + 1) * 1000
    assert await redis.zscore(P.due, f"products:{SHOP}") is not None
    assert json.loads(await redis.hget(P.asked("products", SHOP), "10")) == {"cause": "job-1"}  # type: ignore[misc]
    assert await redis.xlen(P.stream("dead")) == 0
    with pytest.raises(NoSuchLetter, match="dead list"):
        await client.requeue_dead_letters(entry)


async def test_letters_that_would_only_come_back_are_refused_and_stay(redis: Redis) -> None:
    client = SyncClient(redis)
    hopeless = {
        await bury(redis, "../x", "invalid_id"): "its id is none",
        await bury(redis, "sku:10"): "its id is none",
        await bury(redis, "sku:x", kind="stock"): "its id is none",
        await bury(redis, "1", "invalid_shop_id", shop="../x"): "its shop id is none",
        await bury(redis, "1", kind="prices"): "its kind is none",
        await bury(redis, "1", "unknown_shop", shop="1"): "not authorized",
    }
    await redis.hdel(P.registry, "1")  # type: ignore[misc]
    good = await bury(redis, "12")
    done = await client.requeue_dead_letters(everything=True)
    assert done.done == 1
    assert {entry: hopeless[entry] in why for entry, why in done.refused.items()} == dict.fromkeys(hopeless, True)
    assert {letter.entry_id async for letter in client.list_dead_letters()} == hopeless.keys()
    assert good not in done.refused
    assert await client.drop_dead_letters(*hopeless) == 6
    assert [key async for key in redis.scan_iter("*../x*")] == []


async def test_whatever_workers_give_up_can_be_asked_for_again(redis: Redis) -> None:
    for name in ("sku:10", "again:11", "12"):
        await bury(redis, name, "not_found", kind="stock", shop=SHOP)
    done = await SyncClient(redis).requeue_dead_letters(error_class="not_found")
    assert (done.done, done.refused) == (3, {})
    waiting = await redis.zrange(P.backlog("stock", SHOP), 0, -1)
    assert sorted(waiting) == [b"11", b"12", b"sku:10"], "a look at what sells fast is an ordinary request now"
    assert await redis.zscore(P.due, f"stock:{SHOP}") is not None
    assert await redis.xlen(P.stream("dead")) == 0


async def test_two_who_requeue_at_once_ask_once(redis: Redis) -> None:
    for n in range(10, 60):
        await bury(redis, str(n))
    done = await asyncio.gather(*(SyncClient(redis).requeue_dead_letters(shop_id=SHOP) for _ in range(4)))
    assert sum(each.done for each in done) == 50
    assert len(await backlog(redis)) == 50


async def test_nothing_goes_by_leaving_something_out_and_drop_takes_what_is_chosen(redis: Redis) -> None:
    client = SyncClient(redis)
    await bury(redis, "10")
    await bury(redis, "11", "not_found")
    await redis.xadd(P.stream("dead"), {"data": "{"}, id="99999999999999-1")
    for act in (client.requeue, client.drop):
        with pytest.raises(ValueError, match="which letters"):
            await act()
        with pytest.raises(ValueError, match="which letters"):
            await act("1-1", everything=True)
    assert await client.drop_dead_letters(error_class="not_found") == 1
    with pytest.raises(NoSuchLetter):
        await client.drop_dead_letters("99999999999999-1", "1-1")
    assert await client.drop_dead_letters("99999999999999-1") == 1
    assert [letter.data["id"] async for letter in client.list_dead_letters()] == ["10"]
    assert await backlog(redis) == {}


async def test_with_several_partitions_a_letter_has_a_name_of_its_own(redis: Redis) -> None:
    await redis.set(PARTITIONS, 4)
    shops = [str(n) for n in range(7000, 7020)]
    homes = {shop: partition_for(shop, 4) for shop in shops}
    one, two = next((a, b) for a in shops for b in shops if homes[a] != homes[b])
    for shop in (one, two):
        await bury(redis, "10", shop=shop, partition=homes[shop])
        # The same id in both: the copy of one entry.
        ((_, fields),) = await redis.xrevrange(homes[shop].stream("dead"), count=1)
        await redis.xadd(homes[shop].stream("dead"), fields, id="99999999999999-1")
    client = SyncClient(redis)
    with pytest.raises(ValueError, match="several partitions"):
        await client.requeue_dead_letters("99999999999999-1")
    assert (await client.requeue_dead_letters(f"{homes[two].number}/99999999999999-1")).done == 1
    assert await redis.zcard(homes[two].backlog("products", two)) == 1
    # Written by hand into a partition that isn't the shop's.
    await bury(redis, "11", shop=one, partition=homes[two])
    known = Shop(one, "Name", "VN", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", 2**32)
    await redis.hset(homes[one].registry, one, known.to_json())  # type: ignore[misc]
    done = await client.requeue_dead_letters(shop_id=one, error_class="unreadable")
    assert (done.done, done.refused) == (3, {})
    assert set(await redis.zrange(homes[one].backlog("products", one), 0, -1)) == {b"10", b"11"}
    assert await redis.exists(homes[two].backlog("products", one)) == 0
    assert [letter.shop_id async for letter in client.list_dead_letters(one)] == []


async def test_after_the_fix_a_requeued_product_is_published_and_its_seq_goes_on(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "4") as front, worker(front.env(redis_url)):
        async with SyncClient(redis_url) as client:
            await front.authorize(client)
            shop = front.shops[0]["shop_id"]
            known, fresh, *_ = (await front.see(f"shops/{shop}/products"))["products"]
            await client.wait(await client.sync_products(shop, [known]), timeout=60)
            await front.control("faults", products={known: "bad_json", fresh: "bad_json"})
            # They have had their tries but the last, so that the test need not wait for them.
            await redis.hset(P.tries("products", shop), mapping={known: 4, fresh: 4})  # type: ignore[misc]
            lost = await client.wait(await client.sync_products(shop, [known, fresh]), timeout=60)
            assert {letter.data["error_class"] for letter in lost.dead.values()} == {"unreadable"}
            await front.control("faults")
            skus = (await front.see(f"shops/{shop}/state"))["products"][known]["skus"]
            await front.control("stock", shop_id=shop, changes=[{"sku_id": sku, "quantity": 3} for sku in skus])

        done = await run(redis_url, "dead", "requeue", "--shop", shop, "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, {"requeued": 2, "refused": {}}), done.stderr

        async def published() -> bool:
            found = [json.loads(fields[b"data"]) for _, fields in await redis.xrange(P.stream("products"))]
            return fresh in [event["product_id"] for event in found]

        async def moved() -> list[tuple[int, int]]:
            found = [json.loads(fields[b"data"]) for _, fields in await redis.xrange(P.stream("stock"))]
            stock = [(e["seq"], e["available"]) for e in found if e["product_id"] == known and e["seq"] > 1]
            return stock if len(stock) == len(skus) else []

        await until(published)
        assert await until(moved) == [(2, 3)] * len(skus)
        assert await redis.xlen(P.stream("dead")) == 0


async def test_the_commands(redis: Redis, redis_url: str) -> None:
    entry = await bury(redis, "10", message="[bold]quoted[/bold] [/x]")
    other = await bury(redis, "x" * 30, "invalid_id")
    done = await run(redis_url, "dead", "list", "--json")
    letters = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(letter["entry"], letter["error_class"]) for letter in letters] == [
        (entry, "unreadable"), (other, "invalid_id"),
    ]  # fmt: skip
    listed = await run(redis_url, "dead", "list", "--class", "unreadable", "--each")
    assert listed.stdout.startswith(f"{entry}\t{SHOP}\tproducts\t10\tunreadable\t5\t")
    assert other not in listed.stdout
    shown = await run(redis_url, "dead", "show", entry)
    assert "[bold]quoted[/bold] [/x]" in shown.stdout
    asked = await run(redis_url, "dead", "requeue", "--all")
    assert (asked.returncode, "requeued 1 ids" in asked.stdout) == (1, True)
    assert "drop it" in asked.stderr
    assert len(asked.stderr.splitlines()) == 1
    for arguments in (["dead", "show", entry], ["dead", "requeue"], ["dead", "drop", "--all", "--shop", SHOP]):
        wrong = await run(redis_url, *arguments)
        code = 1 if entry in arguments else 2
        assert (wrong.returncode, len(wrong.stderr.splitlines())) == (code, 1)
    assert json.loads((await run(redis_url, "dead", "drop", other, "--json")).stdout) == {"dropped": 1}
    assert "no dead letters" in (await run(redis_url, "dead", "list")).stderr
    for verb in ("requeue", "drop"):
        nothing = await run(redis_url, "dead", verb, "--shop", SHOP)
        assert (nothing.returncode, "Nothing matched" in nothing.stderr) == (1, True)


async def test_letters_of_many_shops_are_counted_by_class_and_shop_and_nothing_is_cut_off(
    redis: Redis, redis_url: str
) -> None:
    shops = [str(7495222066017495634 + n) for n in range(3)]
    for n, shop in enumerate(shops):
        for product in range(n + 1):
            await bury(redis, str(1731029337055922770 + product), "not_found", shop=shop)
    counted = await run(redis_url, "dead", "list")
    rows = [line.split("\t") for line in counted.stdout.splitlines()]
    assert [row[:3] for row in rows] == [["not_found", shops[n], str(n + 1)] for n in (2, 1, 0)]
    assert counted.stderr.splitlines() == ["6 letters; --each lists them, --class and --shop choose"]
    assert len((await run(redis_url, "dead", "list", "--limit", "1")).stdout.splitlines()) == 1
    each = await run(redis_url, "dead", "list", "--each", "--limit", "2")
    assert [line.split("\t")[3] for line in each.stdout.splitlines()] == ["1731029337055922770"] * 2
    since = await run(redis_url, "dead", "list", "--each", "--since", "1h")
    assert len(since.stdout.splitlines()) == 6
    none = await run(redis_url, "dead", "list", "--since", "2100-01-01T00:00:00Z")
    assert none.stderr == "no dead letters with --since '2100-01-01T00:00:00Z'\n"
    for options in (["--class", "not_fund"], ["--each", "--class", "not_fund"]):
        misspelt = await run(redis_url, "dead", "list", *options)
        assert misspelt.stderr == "no dead letters with --class 'not_fund'\n"
    wrong = await run(redis_url, "dead", "list", "--since", "yesterday")
    assert (wrong.returncode, "with its zone" in wrong.stderr) == (2, True)


async def test_on_a_terminal_of_80_columns_ids_are_whole(redis: Redis, redis_url: str) -> None:
    shop, product = "7495222066017495634", "1731029337055922770"
    entry = await bury(redis, product, "not_found", shop=shop, message="word " * 40)
    for more in ([], ["--each"]):
        text = await on_terminal(redis_url, "dead", "list", *more)
        assert shop in text
        assert max(map(len, text.splitlines())) <= 80
    assert entry in text
    assert product in text


async def on_terminal(redis_url: str, *arguments: str) -> str:
    """What a command writes on a terminal of 80 columns."""
    controller, terminal = os.openpty()
    command = (sys.executable, "-m", "shopstream.cli", *arguments, "--redis-url", redis_url)
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    child = await asyncio.create_subprocess_exec(
        *command,
        stdout=terminal,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment | {"TERM": "dumb", "COLUMNS": "80"},
    )
    os.close(terminal)
    assert await asyncio.wait_for(child.wait(), 30) == 0
    text = b""
    with suppress(OSError):  # the end of a terminal
        while read := os.read(controller, 65_536):
            text += read
    os.close(controller)
    return text.decode().replace("\r\n", "\n")


async def test_a_reader_that_has_had_enough_is_no_error(redis: Redis, redis_url: str) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        await bury(redis, "10")
        ((_, fields),) = await redis.xrevrange(P.stream("dead"), count=1)
        for _ in range(3_000):
            pipe.xadd(P.stream("dead"), fields)
        await pipe.execute()
    command = f"{sys.executable} -m shopstream.cli dead list --json --redis-url {redis_url} | head -1"
    done = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False
    )
    assert json.loads(done.stdout)["id"] == "10"
    assert (done.returncode, done.stderr) == (0, "")


async def test_what_a_group_gave_up_is_seen_and_dropped_and_not_delivered_again(redis: Redis, redis_url: str) -> None:
    await publish(redis, range(3), subjects=3)
    async with EventConsumer(redis_url, stream="stock", group="erp", max_deliveries=1) as consumer:
        async with asyncio.timeout(60):
            async for event in consumer:
                await event.nack()
                if consumer.poisoned == 3:
                    break
                if consumer.poisoned == 2:
                    consumer.stop()
    client = SyncClient(redis)
    group = await client.open_group_dead("stock", "erp")
    found = [one async for one in group.all()]
    assert len(found) == consumer.poisoned >= 2
    one = found[0]
    assert one.event is not None
    assert (one.event.name, one.event.stream, one.deliveries) == ("stock.changed", P.stream("stock"), 1)
    assert "without an acknowledgement" in one.reason
    assert await group.show(one.name) == one
    options = ["--group", "erp", "--stream", "stock"]
    listed = await run(redis_url, "dead", "list", "--json", *options)
    assert [json.loads(line)["entry"] for line in listed.stdout.splitlines()] == [each.name for each in found]
    assert str(len(found)) in (await run(redis_url, "dead", "list", *options)).stdout
    assert one.entry_id in (await run(redis_url, "dead", "show", one.name, *options)).stdout
    again = await run(redis_url, "dead", "requeue", "--all", *options)
    assert (again.returncode, "not delivered again" in again.stderr) == (1, True)
    assert json.loads((await run(redis_url, "dead", "drop", one.name, "--json", *options)).stdout) == {"dropped": 1}
    assert await group.drop_all() == len(found) - 1
    assert "no dead letters" in (await run(redis_url, "dead", "list", *options)).stderr
    for wrong in (["--group", "erp"], [*options, "--class", "x"], ["--group", "erp", "--stream", "x"]):
        done = await run(redis_url, "dead", "list", *wrong)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


async def test_the_snapshot_command_for_people_and_for_programs(redis: Redis, redis_url: str) -> None:
    from tests.builders import TARGET, seen, snapshot

    answers = [seen(str(n), 1, snapshot(str(n), **{f"s{n}1": 4, f"s{n}2": 3})) for n in range(10, 70)]
    await Publisher(redis).settle(TARGET, None, answers)
    done = await run(redis_url, "snapshot", SHOP, "--json")
    *products, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(product["product_id"] for product in products) == [str(n) for n in range(10, 70)]
    assert [(sku["available"], sku["seq"]) for sku in products[0]["stock"]] == [(4, 1), (3, 1)]
    ends = {name: (await redis.xrevrange(P.stream(name), count=1))[0][0].decode() for name in ("products", "stock")}
    assert (last["position"], last["products"]) == (ends, 60)
    table = await run(redis_url, "snapshot", SHOP, "-n", "10")
    assert [len(line.split("\t")) for line in table.stdout.splitlines()].count(6) == 10
    assert "50 more" in table.stderr
    assert ends["stock"] in table.stdout
    unknown = await run(redis_url, "snapshot", "1")
    assert (unknown.returncode, "not authorized" in unknown.stderr) == (1, True)
