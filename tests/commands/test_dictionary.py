"""`shopstream dictionary` lists, trains and chooses, while states of each form stay readable."""

import json

import orjson
from redis.asyncio import Redis

from benchmarks.states.made_states import list_varied_states
from shopstream import SyncClient
from shopstream.compacting.choosing import train_on_states
from shopstream.compacting.rewriting import rewrite_states
from shopstream.compression.training import SAMPLES_LEAST
from shopstream.redis.deployment_keys import LAYOUT_KEY, PARTITIONS, worker_key, workers_key
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from shopstream.state.state_codec import StateCodec, find_codec
from tests.commands.running import command

P = Partition(0)
SHOPS = 12


async def prepare(redis: Redis, states: int) -> dict[str, bytes]:
    """Store states of some shops as plain JSON, as a deployment of before has them. Gives them by id."""
    await redis.set(PARTITIONS, 1)
    made = {}
    for number, state in enumerate(list_varied_states(7, states, 1)):
        shop, product = str(1_000 + number % SHOPS), str(10**18 + number)
        made[product] = state
        await redis.hset(P.state(shop), mapping={f"p:{product}": state, f"d:{product}": "1 1 d=x"})  # type: ignore[misc]
    for number in range(SHOPS):
        entry = Shop(
            shop_id=str(1_000 + number), name="Shop", region="VN", seller_type="LOCAL", authorization="a",
            status="active", reason=None, since="2026-11-28T16:57:18.424Z", refresh_expires_at=2_000_000_000,
        )  # fmt: skip
        await redis.hset(P.registry, entry.shop_id, entry.to_json())  # type: ignore[misc]
        await redis.hset(P.state(entry.shop_id), mapping={"p:shop": '{"seq":1}', "d:shop": "1 1 a"})  # type: ignore[misc]
    return made


async def check(redis: Redis, made: dict[str, bytes], number: int) -> None:
    """Check that each state is as it was, in the form of dictionary `number`."""
    for number_of_shop in range(SHOPS):
        stored = await redis.hgetall(P.state(str(1_000 + number_of_shop)))  # type: ignore[misc]
        assert stored.pop(b"p:shop") == b'{"seq":1}'
        for name, value in stored.items():
            if name.startswith(b"p:"):
                assert (int.from_bytes(value[1:3]) if value[0] == 1 else 0) == number
                assert await find_codec(redis).decode(value) == orjson.loads(made[name[2:].decode()])


async def test_states_are_rewritten_there_and_back(redis: Redis, redis_url: str) -> None:
    made = await prepare(redis, 60)
    done = await command(redis_url, "dictionary", "--json")
    assert (done.code, done.out) == (0, "")
    done = await command(redis_url, "dictionary", "use", "1", "--rewrite", "--json")
    assert done.code == 0, done
    rewritten = json.loads(done.out)["rewritten"]
    assert (rewritten["states"], rewritten["changed"], rewritten["unreadable"]) == (60, 0, 0)
    assert 4 * rewritten["after"] < rewritten["before"]
    assert await redis.get(LAYOUT_KEY) == b"2"
    await check(redis, made, 1)
    listed = await command(redis_url, "dictionary", "--json")
    assert [json.loads(line) for line in listed.out.splitlines()] == [{"number": 1, "size": 16_384, "in_use": True}]
    done = await command(redis_url, "dictionary", "use", "0", "--rewrite")
    assert "plain JSON" in done.out
    await check(redis, made, 0)


async def test_a_snapshot_and_an_explanation_read_both_forms(redis: Redis, redis_url: str) -> None:
    made = await prepare(redis, 24)
    async with SyncClient(redis_url) as client:
        before = (await client.take_snapshot("1000")).products
        product = next(iter(before))
        sku = next(iter(orjson.loads(made[product])["stock"]))
        was = await client.explain("1000", sku)
        assert (await command(redis_url, "dictionary", "use", "1", "--rewrite")).code == 0
        assert (await client.take_snapshot("1000")).products == before
        assert (await client.explain("1000", sku)).stock == was.stock
        assert (await client.explain_product("1000", product)).state == before[product]


async def test_a_dictionary_is_trained_on_own_states_and_used(redis: Redis) -> None:
    made = await prepare(redis, SAMPLES_LEAST + 100)
    done = await train_on_states(redis, 1, 4_096)
    assert (done.number, done.states + done.measured) == (2, len(made))
    assert done.after < done.before < done.as_json
    codec = StateCodec(redis)
    await codec.renew()
    assert codec.number == 2
    await rewrite_states(redis, 1)
    await check(redis, made, 2)
    again = await train_on_states(redis, 1, 4_096)
    assert (again.number, codec.number) == (None, 2), "it would save nothing more"


async def test_too_few_states_and_older_workers_are_refused(redis: Redis, redis_url: str) -> None:
    await prepare(redis, 30)
    done = await command(redis_url, "dictionary", "train")
    assert (done.code, "this deployment has 30 states" in done.err) == (1, True), done
    done = await command(redis_url, "dictionary", "use", "7")
    assert (done.code, "Redis has no dictionary 7" in done.err) == (1, True), done
    seconds, _ = await redis.time()
    await redis.zadd(workers_key(), {"old": (int(seconds) + 60) * 1000})
    heartbeat = {"host": "h", "pid": 1, "started": "t", "slots": 1, "in_use": 0, "full": False, "version": "0.1.0"}
    await redis.set(worker_key("old"), orjson.dumps(heartbeat))
    done = await command(redis_url, "dictionary", "use", "1")
    assert (done.code, "worker old is of an older version" in done.err) == (1, True), done
    assert await redis.get(LAYOUT_KEY) is None
