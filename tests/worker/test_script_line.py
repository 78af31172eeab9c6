"""One line for a worker's scripts to each server: answers in order, and what breaks it, against real Valkeys."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, NoScriptError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shopstream.redis import connection
from shopstream.redis.cluster.hash_slots import find_slot
from tests.chaos.stage import valkey
from tests.chaos.tools.proxy import proxy
from tests.processes import ANSWER_SECONDS, until
from tests.running.clusters import cluster, move_slot_by_keys
from tests.running.sentinels import trio
from tests.running.tls import Authority, tls_front
from worker.redis import pool
from worker.redis.lua_script import WorkerScript
from worker.redis.script_line import ScriptLine, ScriptRedis

ECHO = "return ARGV[1]"
COUNT = "return redis.call('INCR', KEYS[1])"
BUSY = "local n = 0 for i = 1, 5000000 do n = n + i % 7 end return 1"
"""Takes a good part of a second of the server."""
PASSWORD = "canary-1f7c"


@asynccontextmanager
async def tried_once(url: str, **options: Any) -> AsyncIterator[Redis]:
    """A client with a line whose commands are tried once."""
    made = connection.make_client(connection.pool(url, **({"socket_timeout": ANSWER_SECONDS} | options)), ScriptRedis)
    async with made as client:
        yield client


@pytest.fixture
async def line(redis_url: str) -> AsyncIterator[Redis]:
    async with tried_once(redis_url) as client:
        await say(client, "first")
        yield client


async def say(redis: Redis, word: str) -> bytes:
    answer: bytes = await redis.execute_command("EVAL", ECHO, 0, word)  # type: ignore[no-untyped-call]
    return answer


async def count(redis: Redis, key: str = "{0}:n") -> int:
    return int(await redis.execute_command("EVAL", COUNT, 1, key))  # type: ignore[no-untyped-call]


def begin(redis: Redis, number: int) -> list[asyncio.Task[bytes]]:
    return [asyncio.create_task(say(redis, str(one))) for one in range(number)]


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def kinds(outcomes: list[Any]) -> set[type]:
    return {type(one) for one in outcomes}


async def test_calls_of_one_turn_go_out_together_over_one_connection_and_are_answered_in_order(
    line: Redis, redis: Redis
) -> None:
    before = await redis.info("stats")
    assert await asyncio.gather(*begin(line, 200)) == [b"%d" % number for number in range(200)]
    after = await redis.info("stats")
    assert after["total_reads_processed"] - before["total_reads_processed"] <= 2, "one of them is INFO's"
    assert after["total_connections_received"] == before["total_connections_received"]


@pytest.mark.parametrize("steps", range(8))
async def test_a_cancelled_call_disturbs_no_other(line: Redis, steps: int) -> None:
    for _ in range(10):
        calls = begin(line, 20)
        await turns(steps)
        for call in calls[::3]:
            call.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for number, outcome in enumerate(outcomes):
            assert outcome == b"%d" % number or (number % 3 == 0 and isinstance(outcome, asyncio.CancelledError))
        assert await say(line, "mine") == b"mine"


async def test_a_call_that_is_cancelled_while_the_line_connects_leaves_it_to_the_others() -> None:
    async with valkey() as server, tried_once(server.url) as line:
        server.signal(signal.SIGSTOP)
        calls = begin(line, 3)
        await turns(20)
        calls[1].cancel()
        await turns(20)
        server.signal(signal.SIGCONT)
        first, cancelled, last = await asyncio.gather(*calls, return_exceptions=True)
        assert (first, type(cancelled), last) == (b"0", asyncio.CancelledError, b"2")


async def test_a_call_that_is_cancelled_before_its_turn_is_not_sent(line: Redis, redis: Redis) -> None:
    await line.script_load(COUNT)
    call = asyncio.create_task(count(line))
    await turns(1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await say(line, "behind it")
    assert await redis.get("{0}:n") is None


async def test_many_large_requests_and_answers_pass(line: Redis) -> None:
    words = [f"{number}-" + "x" * 300_000 for number in range(30)]
    assert await asyncio.gather(*(say(line, word) for word in words)) == [word.encode() for word in words]


async def test_a_lost_connection_fails_all_that_wait_and_the_next_call_connects_again() -> None:
    async with valkey() as server, tried_once(server.url) as line:
        await say(line, "first")
        server.signal(signal.SIGSTOP)
        calls = begin(line, 20)
        await turns(5)
        calls[3].cancel()
        server.kill()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(outcomes.pop(3), asyncio.CancelledError)
        assert kinds(outcomes) == {RedisConnectionError}
        assert len({id(one) for one in outcomes}) == 19
        with pytest.raises(RedisError):
            await say(line, "nobody there")
        await server.restart()
        assert await say(line, "again") == b"again"


async def test_a_workers_call_is_sent_again_after_a_restart_and_after_the_pause_of_a_frozen_server() -> None:
    async with valkey(appendfsync="always") as server, pool.client(server.url) as worker:
        assert await count(worker) == 1
        server.kill()
        calls = [asyncio.create_task(count(worker)) for _ in range(5)]
        await turns(20)
        await server.restart()
        assert sorted(await asyncio.gather(*calls)) == [2, 3, 4, 5, 6]
        server.signal(signal.SIGSTOP)
        later = begin(worker, 5)
        await asyncio.sleep(2.5)  # longer than a worker waits for an answer
        server.signal(signal.SIGCONT)
        assert await asyncio.gather(*later) == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_timeout_ends_each_call_and_stalls_no_later_one() -> None:
    async with valkey() as server, tried_once(server.url, socket_timeout=0.5) as line:
        await until(lambda: answers(line))
        server.signal(signal.SIGSTOP)
        calls = begin(line, 3)
        await asyncio.sleep(0.2)
        calls += begin(line, 3)
        assert kinds(await asyncio.gather(*calls, return_exceptions=True)) == {RedisTimeoutError}
        server.signal(signal.SIGCONT)
        await until(lambda: answers(line))


async def test_calls_behind_others_that_a_busy_server_answers_one_by_one_do_not_time_out() -> None:
    """To repeat them would give it the same work once more."""
    large = "x" * 100_000  # answers to small calls that are read at once go out together, behind the last one
    async with valkey() as server:
        async with tried_once(server.url) as line:
            began = time.monotonic()
            await line.execute_command("EVAL", BUSY, 0, large)  # type: ignore[no-untyped-call]
            each = time.monotonic() - began
        async with tried_once(server.url, socket_timeout=4 * each) as line:
            calls = [line.execute_command("EVAL", BUSY, 0, large) for _ in range(12)]  # type: ignore[no-untyped-call]
            assert await asyncio.gather(*calls) == [1] * 12


async def test_answers_that_came_while_this_process_was_held_up_are_not_overdue(redis_url: str) -> None:
    async with tried_once(redis_url, socket_timeout=0.3) as line:
        await until(lambda: answers(line))
        calls = begin(line, 5)
        await turns(5)  # they are sent
        time.sleep(1)  # noqa: ASYNC251 - as a machine that stands still does
        assert await asyncio.gather(*calls) == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_connection_that_has_become_deaf_is_left_after_one_timeout(redis_url: str) -> None:
    port = int(redis_url.rpartition(":")[2].partition("/")[0])
    async with proxy("127.0.0.1", port) as between, tried_once(between.url(), socket_timeout=0.5) as line:
        await until(lambda: answers(line))
        for link in between._links:
            link.deaf = True
        with pytest.raises(RedisTimeoutError):
            await say(line, "unheard")
        await until(lambda: answers(line))


async def answers(redis: Redis) -> bool:
    try:
        return await say(redis, "late") == b"late"
    except RedisError:
        return False


async def test_a_script_that_the_server_has_lost_is_loaded_once(line: Redis, redis: Redis) -> None:
    script = WorkerScript(line, "process/heartbeat.lua")
    await redis.script_flush()
    await redis.config_resetstat()
    for _ in range(3):
        with pytest.raises(ResponseError) as refused:  # it is called with nothing
            await script([], [])
        assert not isinstance(refused.value, NoScriptError)
    stats = await redis.info("commandstats")
    assert (stats["cmdstat_evalsha"]["calls"], stats["cmdstat_eval"]["calls"]) == (3, 1)


async def test_a_read_only_answer_is_its_calls_own_and_a_worker_waits_for_the_primary() -> None:
    async with valkey() as server, tried_once(server.url) as line, pool.client(server.url) as worker:
        assert await count(line) == 1
        await line.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]
        calls = [*begin(line, 3), asyncio.create_task(count(line))]
        *said, refused = await asyncio.gather(*calls, return_exceptions=True)
        assert said == [b"0", b"1", b"2"]
        assert isinstance(refused, ReadOnlyError)
        await say(worker, "first")
        before = (await line.info("stats"))["total_connections_received"]
        counting = asyncio.create_task(count(worker))

        async def again() -> bool:
            return bool((await line.info("stats"))["total_connections_received"] > before)

        await until(again)  # the address may lead to another server by then
        await line.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]
        assert await counting == 2


async def test_a_server_that_loads_is_waited_for() -> None:
    loading = {"key-load-delay": "20000", "loading-process-events-interval-bytes": "1024"}
    async with valkey(appendonly="no") as server, tried_once(server.url) as line, pool.client(server.url) as worker:
        assert await count(worker) == 1
        await line.mset({f"{{0}}:{number}": "x" * 1_000 for number in range(100)})
        await line.save()
        server.kill()
        starting = asyncio.create_task(server.restart(**loading))

        async def refuses() -> bool:
            try:
                return not await say(line, "yet")
            except BusyLoadingError:
                return True
            except RedisError:
                return False

        await until(refuses, every=0.01)
        assert await count(worker) == 2
        await starting
        assert await say(line, "now") == b"now"


async def test_other_commands_and_clients_of_one_connection_stay_off_the_line(line: Redis, redis: Redis) -> None:
    popping: Any = line.blpop(["{0}:list"], timeout=ANSWER_SECONDS - 5)
    blocked: asyncio.Future[Any] = asyncio.ensure_future(popping)
    async with line.client() as alone:
        own = await alone.client_id()
        assert await say(alone, "alone") == b"alone"
        [here] = await redis.client_list(client_id=[str(own)])
        assert here["cmd"] == "eval"
    assert await asyncio.gather(*begin(line, 10)) == [b"%d" % number for number in range(10)]
    assert not blocked.done()
    await redis.rpush("{0}:list", "element")  # type: ignore[misc]
    assert await blocked == (b"{0}:list", b"element")


async def test_a_line_that_rested_longer_than_the_health_interval_is_made_anew(redis: Redis, redis_url: str) -> None:
    async with tried_once(redis_url, health_check_interval=0.05) as line:
        await say(line, "first")
        before, clients = (await redis.info("stats"))["total_connections_received"], len(await redis.client_list())
        await asyncio.sleep(0.1)  # the rest itself
        assert await say(line, "second") == b"second"
        assert (await redis.info("stats"))["total_connections_received"] == before + 1

        async def closed() -> bool:
            return len(await redis.client_list()) == clients

        await until(closed)


async def test_closing_leaves_no_task_and_fails_what_waits() -> None:
    before = asyncio.all_tasks()
    async with valkey() as server:
        line = connection.make_client(connection.pool(server.url), ScriptRedis)
        await say(line, "first")
        ended: ScriptLine = vars(line)["_line"]
        server.signal(signal.SIGSTOP)
        calls = begin(line, 3)
        await turns(5)
        await line.aclose()
        assert kinds(await asyncio.gather(*calls, return_exceptions=True)) == {RedisConnectionError}
        connecting = connection.make_client(connection.pool(server.url), ScriptRedis)
        calls = begin(connecting, 3)
        await turns(5)
        await connecting.aclose()
        assert kinds(await asyncio.gather(*calls, return_exceptions=True)) == {RedisConnectionError}
        assert asyncio.all_tasks() == before
        with pytest.raises(RedisConnectionError):
            ended.ask([b"PING"])
        server.signal(signal.SIGCONT)
        with pytest.raises(RedisConnectionError, match="closed"):
            await say(line, "late")


async def test_no_error_and_no_description_has_the_password(redis_url: str) -> None:
    url = redis_url.replace("redis://", f"redis://user:{PASSWORD}@")
    async with tried_once(url) as line:
        with pytest.raises(RedisError) as refused:
            await say(line, "hello")
        error: BaseException | None = refused.value
        while error:
            assert PASSWORD not in f"{error!r} {error}"
            error = error.__cause__ or error.__context__
        assert PASSWORD not in f"{line!r} {vars(line)!r}"


async def test_the_line_speaks_tls_logs_in_and_selects_the_database(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    authority, port = Authority(tmp_path), int(redis_url.rpartition(":")[2].partition("/")[0])
    await redis.acl_setuser("shared", enabled=True, passwords=[f"+{PASSWORD}"], categories=["+@all"], keys=["*"])
    async with tls_front(authority.context("localhost"), port) as front:
        url = f"rediss://shared:{PASSWORD}@localhost:{front.port}/3?ssl_ca_certs={authority.path}&client_name=named"
        async with tried_once(url) as line:
            assert await asyncio.gather(*begin(line, 50)) == [b"%d" % number for number in range(50)]
            assert await count(line) == 1
            found = {(one["user"], one["db"], one["name"]) for one in await redis.client_list()}
    assert ("shared", "3", "named") in found
    await redis.acl_deluser("shared")


async def test_a_moving_slot_and_a_frozen_node_of_a_cluster_are_followed() -> None:
    async with cluster() as servers, pool.client(servers.url) as worker:
        keys = [f"{{0}}:{number}" for number in range(20)]
        source = await servers.owner(keys[0])
        target = next(node for node in [await servers.owner(f"{{{n}}}") for n in range(99)] if node is not source)
        moving, rounds = asyncio.create_task(no_wait()), 0
        while not moving.done() or rounds < 2:
            if rounds == 1:
                moving = asyncio.create_task(move_slot_by_keys(servers, source, target, find_slot(keys[0]), pause=0.02))
            rounds += 1
            assert await asyncio.gather(*(count(worker, key) for key in keys)) == [rounds] * 20
        await moving
        frozen = await servers.owner(keys[0])
        assert frozen is target
        frozen.server.signal(signal.SIGSTOP)
        asked = [asyncio.create_task(say_at(worker, key)) for key in keys]
        assert await asyncio.gather(*asked) == [key.encode() for key in keys]
        await servers.moved(keys[0], frozen)


async def no_wait() -> None:
    """End at once."""


async def say_at(redis: Redis, key: str) -> bytes:
    answer: bytes = await redis.execute_command("EVAL", "return KEYS[1]", 1, key)  # type: ignore[no-untyped-call]
    return answer


async def test_answers_of_a_cut_off_primary_and_silence_make_its_connections_suspect() -> None:
    async with trio(replicas=0, sentinels=1) as servers, tried_once(servers.url, socket_timeout=1) as line:
        await until(lambda: answers(line))
        primary = line.connection_pool.connection_kwargs["primary"]
        for error in ("NOREPLICAS Not enough good replicas to write.", "READONLY You can't write"):
            known = primary.generation
            with pytest.raises(ResponseError):
                await line.execute_command("EVAL", "return redis.error_reply(ARGV[1])", 0, error)  # type: ignore[no-untyped-call]
            assert primary.generation == known + 1
        await until(lambda: answers(line))
        known = primary.generation
        (await servers.primary()).signal(signal.SIGSTOP)
        with pytest.raises(RedisTimeoutError):
            await say(line, "unheard")
        assert primary.generation == known + 1


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_line_moves_to_the_primary_that_the_sentinels_promote(end: signal.Signals) -> None:
    async with trio() as servers, pool.client(servers.url) as worker:
        await until(lambda: written(count, worker))
        old = await servers.primary()
        async with Redis.from_url(old.url) as direct:
            line, primary = await lines(direct), worker.connection_pool.connection_kwargs["primary"]
            primary.suspect(primary.generation)
            assert await count(worker) > 1

            async def left() -> bool:
                return not line & await lines(direct)

            await until(left)
        old.signal(end)
        calls = [asyncio.create_task(until(lambda: written(count, worker), seconds=60)) for _ in range(5)]
        new, _ = await servers.moved(old)
        await asyncio.gather(*calls)
        async with Redis.from_url(new.url) as direct:
            assert await count(worker) == int(await direct.get("{0}:n") or 0)


async def lines(redis: Redis) -> set[str]:
    return {one["id"] for one in await redis.client_list() if one["cmd"] == "eval"}


async def written(act: Callable[[Redis], Awaitable[int]], redis: Redis) -> bool:
    try:
        return bool(await act(redis))
    except RedisError:
        return False
