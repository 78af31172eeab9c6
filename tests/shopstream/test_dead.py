"""Dead letters: seen, asked for again without a gap, dropped; in Python and by command."""

import asyncio
import json
from typing import Any

import pytest
from redis.asyncio import Redis

from shopstream import NoSuchLetter, SyncClient
from shopstream.names import PARTITIONS, Partition, partition_for
from shopstream.shops import Shop
from tests.processes import sandbox, until, worker
from tests.shopstream.test_cli import run
from worker.drafts import Cause
from worker.publish import Publisher
from worker.seen import Entry, Target, letter

P = Partition(0)
SHOP = "7495"


async def bury(redis: Redis, product: str, error_class: str = "unreadable", shop: str = SHOP, **more: Any) -> str:
    """A letter as workers write it; the shop is known. Its entry id."""
    partition = more.pop("partition", P)
    known = Shop(shop, "Name", "VN", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", 2**32)
    await redis.hset(partition.registry, shop, known.to_json())  # type: ignore[misc]
    data = {"kind": "products", "id": product, "error_class": error_class, "code": 0, "message": "m", "attempts": 5}
    cause = Cause(shop, "https://test", "request", "job-1", None, None, 1_700_000_000_000)
    entry = Entry(b"", "", b"", b"", b"", [letter(data | more)], cause)
    await Publisher(redis)._send(Target(partition, shop, "VN", "https://test"), None, [entry])
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
    assert [letter.data["id"] async for letter in client.dead()] == ["10", "11", "10"]
    assert [letter.data["id"] async for letter in client.dead(SHOP)] == ["10", "11"]
    assert [letter.shop_id async for letter in client.dead(error_class="unreadable")] == [SHOP, "7496"]
    assert [letter.entry_id async for letter in client.dead(SHOP, "unreadable")] == [first]
    assert (await client.dead_show(first)).data["attempts"] == 5
    for nothing in ("5-5", "x", "", "1/5-5", f"{first}\n", "9" * 5000):
        with pytest.raises(NoSuchLetter):
            await client.dead_show(nothing)


async def test_a_requeued_id_is_in_its_backlog_and_due_and_its_letter_gone(redis: Redis) -> None:
    client = SyncClient(redis)
    entry, other = await bury(redis, "10"), await bury(redis, "11")
    await redis.zadd(P.backlog("products", SHOP), {"11": 0})
    done = await client.requeue(entry, other)
    assert (done.done, done.refused) == (2, {})
    waiting = await backlog(redis)
    assert waiting["11"] == 0, "an urgent id stays urgent"
    seconds, _ = await redis.time()
    assert (seconds - 60) * 1000 < waiting["10"] < (seconds + 1) * 1000
    assert await redis.zscore(P.due, f"products:{SHOP}") is not None
    assert json.loads(await redis.hget(P.asked("products", SHOP), "10")) == {"cause": "job-1"}  # type: ignore[misc]
    assert await redis.xlen(P.stream("dead")) == 0
    with pytest.raises(NoSuchLetter, match="dead list"):
        await client.requeue(entry)


async def test_letters_that_would_only_come_back_are_refused_and_stay(redis: Redis) -> None:
    client = SyncClient(redis)
    hopeless = {
        await bury(redis, "../x", "invalid_id"): "its id is none",
        await bury(redis, "1", "invalid_shop_id", shop="../x"): "its shop id is none",
        await bury(redis, "1", kind="prices"): "its kind is none",
        await bury(redis, "1", "unknown_shop", shop="1"): "not authorized",
    }
    await redis.hdel(P.registry, "1")  # type: ignore[misc]
    good = await bury(redis, "12")
    done = await client.requeue(everything=True)
    assert done.done == 1
    assert {entry: hopeless[entry] in why for entry, why in done.refused.items()} == dict.fromkeys(hopeless, True)
    assert {letter.entry_id async for letter in client.dead()} == hopeless.keys()
    assert good not in done.refused
    assert await client.drop(*hopeless) == 4
    assert [key async for key in redis.scan_iter("*../x*")] == []


async def test_two_who_requeue_at_once_ask_once(redis: Redis) -> None:
    for n in range(10, 60):
        await bury(redis, str(n))
    done = await asyncio.gather(*(SyncClient(redis).requeue(shop_id=SHOP) for _ in range(4)))
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
    assert await client.drop(error_class="not_found") == 1
    with pytest.raises(NoSuchLetter):
        await client.drop("99999999999999-1", "1-1")
    assert await client.drop("99999999999999-1") == 1
    assert [letter.data["id"] async for letter in client.dead()] == ["10"]
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
        await client.requeue("99999999999999-1")
    assert (await client.requeue(f"{homes[two].number}/99999999999999-1")).done == 1
    assert await redis.zcard(homes[two].backlog("products", two)) == 1
    # Written by hand into a partition that isn't the shop's.
    await bury(redis, "11", shop=one, partition=homes[two])
    done = await client.requeue(shop_id=one, error_class="unreadable")
    assert done.done == 2
    assert ["belongs into partition" in why for why in done.refused.values()] == [True]


async def test_after_the_fix_a_requeued_product_is_published_and_its_seq_goes_on(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "4") as front, worker(front.env(redis_url)):
        async with SyncClient(redis_url) as client:
            await client.authorize(front.auth_codes[0], timeout=15)
            shop = front.shops[0]["shop_id"]
            known, fresh, *_ = (await front.see(f"shops/{shop}/products"))["products"]
            await client.wait(await client.products(shop, [known]), timeout=15)
            await front.control("faults", products={known: "html_200", fresh: "html_200"})
            # They have had their tries but the last, so that the test need not wait for them.
            await redis.hset(P.tries("products", shop), mapping={known: 4, fresh: 4})  # type: ignore[misc]
            lost = await client.wait(await client.products(shop, [known, fresh]), timeout=15)
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
            told = [(e["seq"], e["available"]) for e in found if e["product_id"] == known and e["seq"] > 1]
            return told if len(told) == len(skus) else []

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
    listed = await run(redis_url, "dead", "list", "--class", "unreadable")
    assert entry in listed.stdout
    assert other not in listed.stdout
    shown = await run(redis_url, "dead", "show", entry)
    assert "[bold]quoted[/bold] [/x]" in shown.stdout
    asked = await run(redis_url, "dead", "requeue", "--all")
    assert (asked.returncode, "asked again for 1 ids" in asked.stdout) == (1, True)
    assert "drop it" in asked.stderr
    assert len(asked.stderr.splitlines()) == 1
    for arguments in (["dead", "show", entry], ["dead", "requeue"], ["dead", "drop", "--all", "--shop", SHOP]):
        wrong = await run(redis_url, *arguments)
        assert (wrong.returncode, len(wrong.stderr.splitlines())) == (1, 1)
    assert json.loads((await run(redis_url, "dead", "drop", other, "--json")).stdout) == {"dropped": 1}
    assert "no dead letters" in (await run(redis_url, "dead", "list")).stderr


async def test_the_snapshot_command_for_people_and_for_programs(redis: Redis, redis_url: str) -> None:
    from tests.worker.test_publish import TARGET, seen, snapshot

    answers = [seen(str(n), 1, snapshot(str(n), **{f"s{n}1": 4, f"s{n}2": 3})) for n in range(10, 70)]
    await Publisher(redis).settle(TARGET, None, answers)
    done = await run(redis_url, "snapshot", SHOP, "--json")
    *products, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(product["product_id"] for product in products) == [str(n) for n in range(10, 70)]
    assert [(sku["available"], sku["seq"]) for sku in products[0]["stock"]] == [(4, 1), (3, 1)]
    ends = {name: (await redis.xrevrange(P.stream(name), count=1))[0][0].decode() for name in ("products", "stock")}
    assert (last["position"], last["products"]) == (ends, 60)
    table = await run(redis_url, "snapshot", SHOP, "-n", "10")
    assert table.stdout.count(" live ") + table.stdout.count(" unknown ") == 10
    assert "50 more" in table.stderr
    assert ends["stock"] in table.stdout
    unknown = await run(redis_url, "snapshot", "1")
    assert (unknown.returncode, "not authorized" in unknown.stderr) == (1, True)
