"""Commands for many shops at once, with real workers and a real sandbox."""

import re

from redis.asyncio import Redis

from shopstream.redis.deployment_keys import worker_key, workers_key
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from tests.commands.running import command
from tests.processes import patient, sandbox, settle, until, worker

P = Partition(0)


def shop(number: int, status: str = "active") -> Shop:
    known = Shop(str(number), "Name", "VN", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", 2**32)
    return known if status == "active" else known.standing_as("deauthorized", "gone", known.since)


async def test_workers_with_their_versions(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    nobody = await command(redis_url, "workers")
    assert (nobody.code, "python -m worker" in nobody.err) == (1, True)
    async with sandbox("--products", "1") as front, worker(front.env(redis_url, SHOPSTREAM_SLOTS="7")):

        async def beats() -> bool:
            return bool(await redis.zcard(workers_key()))

        await until(beats)
        done = await command(redis_url, "workers", "--json")
        (one,) = done.documents
        assert (done.code, one["slots"], one["full"], one["name"].split(":")[0] != "") == (0, 7, False, True)
        assert one["since"].startswith("20")
        shown = await command(redis_url, "workers")
        assert len(shown.out.split("\t")) == 9
    seconds, _ = await redis.time()
    await redis.zadd(workers_key(), {"newer": seconds * 1000 + 1})
    beat = (
        b'{"host":"h","pid":1,"started":"2026-01-01T00:00:00Z","slots":1,"in_use":0,"full":false,"version":"9.9","x":1}'
    )
    await redis.set(worker_key("newer"), beat)
    newer = [one for one in (await command(redis_url, "workers", "--json")).documents if one["name"] == "newer"]
    assert newer[0]["version"] == "9.9", "fields of a newer worker are no error"


async def test_all_shops_are_asked_for_spread_over_a_time(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    shops = [shop(number) for number in range(100, 111)] + [shop(999, "deauthorized")]
    await redis.hset(P.registry, mapping={one.shop_id: one.to_json() for one in shops})  # type: ignore[misc]
    await redis.zadd(P.due, {"delta:105": 1.0})
    seconds, _ = await redis.time()
    done = await command(redis_url, "sync", "shop", "--all", "--over", "10m", "--json")
    assert done.documents == [{"asked": "delta", "shops": 11, "waiting": 1, "over_seconds": 600}]
    due = {member.decode(): score for member, score in await redis.zrange(P.due, 0, -1, withscores=True)}
    assert due.pop("delta:105") == 1.0, "what is due sooner stays so"
    assert "delta:999" not in due
    begin, end = due["delta:100"], due["delta:110"]
    assert end - begin == 600_000
    assert sorted(due.values()) == [begin + number * 60_000 for number in range(11) if number != 5]
    assert seconds * 1000 <= begin
    full = await command(redis_url, "sync", "shop", "--all", "--full")
    assert full.out == "Full sync of 11 shops requested, spread over 2 h\n", full
    assert "1 more wait for their seller" in full.err


async def test_a_worker_syncs_each_of_all_shops(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "3", "--products", "2") as front, worker(front.env(redis_url)):
        async with patient(redis_url) as client:
            await front.authorize(client, *front.auth_codes)
        done = await command(redis_url, "sync", "shop", "--all", "--full", "--over", "1s")
        assert done.out == "Full sync of 3 shops requested, spread over 1 s\n", done

        async def synced() -> bool:
            events = await redis.xrange(P.stream("shops"))
            walked = {fields[b"subject"] for _, fields in events if fields[b"type"].endswith(b"shop.synced")}
            return len(walked) == 3

        await until(synced, 30)


async def test_one_shop_or_all_and_a_time_only_with_all(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    for arguments in (["1", "--all"], [], ["--all", "--wait"], ["1", "--over", "10m"], ["--all", "--over", "soon"]):
        done = await command(redis_url, "sync", "shop", *arguments)
        assert (done.code, len(done.err.splitlines())) == (2, 1), done


async def test_many_codes_from_standard_input(redis_url: str) -> None:
    async with sandbox("--shops", "3", "--products", "1") as front, worker(front.env(redis_url)):
        bad, *good = "bad-code-canary", *front.auth_codes
        done = await command(redis_url, "authorize", "-", stdin="\n".join([good[0], "", bad, *good[1:]]))
        assert done.code == 1
        assert sorted(re.findall(r"^line (\d): authorized", done.out, re.MULTILINE)) == ["1", "4", "5"], done
        assert re.search(r"^line 3: ", done.err, re.MULTILINE)
        assert f"{len(good)} of {len(good) + 1} codes redeemed" in done.err
        assert "canary" not in done.out + done.err
        again = await command(redis_url, "authorize", "-", "--json", stdin="another-canary\n")
        (document,) = again.documents
        assert (again.code, document["line"], document["shops"]) == (1, 1, [])
        assert document["error"]
        assert "canary" not in again.out + again.err
        async with patient(redis_url) as client:
            assert len(await client.list_shops()) == 3


async def test_dead_letters_are_counted_by_class_and_shop(redis_url: str) -> None:
    async with sandbox("--products", "1") as front, worker(front.env(redis_url)), patient(redis_url) as client:
        await front.authorize(client)
        name = front.shops[0]["shop_id"]
        await client.wait(await client.sync_products(name, ["10", "11", "12"]))
        counted = await command(redis_url, "dead", "counts", "--json", "--since", "2h")
        (document,) = counted.documents
        assert (document["error_class"], document["shop_id"], document["letters"]) == ("not_found", name, 3)
        assert (await command(redis_url, "dead", "counts")).out.split("\t")[:3] == ["not_found", name, "3"]
        nothing = await command(redis_url, "dead", "requeue", "--shop", "1", "--json")
        assert (nothing.code, nothing.documents) == (1, [{"requeued": 0, "refused": {}}])
        assert "Nothing matched" in nothing.err


async def test_settings_take_and_show_durations(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    await redis.hset(P.registry, "100", shop(100).to_json())  # type: ignore[misc]
    shown = await command(redis_url, "settings", "100", "interval=5m", "full_interval=2d", "stock_interval=5400")
    rows = {line.split("\t")[0]: line.split("\t")[1] for line in shown.out.splitlines()[1:]}
    assert (rows["interval"], rows["full_interval"], rows["stock_interval"]) == ("5 min", "2 d", "90 min")
    assert (await command(redis_url, "settings", "100", "--json")).documents[0]["interval"] == 300
    wrong = await command(redis_url, "settings", "100", "interval=5x")
    assert (wrong.code, "5m, 1h or 1d" in wrong.err) == (2, True)
