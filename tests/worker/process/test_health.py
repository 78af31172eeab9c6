"""Health is what was achieved last: each age by itself, over HTTP, also while the loop is blocked."""

import asyncio
import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from shopstream.redis import clock
from shopstream.redis.deployment_keys import WORKER_MS, refused_key, spare_key, sweepers_key, worker_key, workers_key
from shopstream.redis.partition_count import MoveMark
from shopstream.registry.workers import WorkerSeen, workers
from tests.processes import free_port, process, until
from worker.health import LIMIT_SECONDS, Health, check
from worker.process.health_service import Endpoint, health_answers
from worker.process.heartbeat import Heartbeat
from worker.wakeups.shares import find_share


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_it_is_ok_exactly_if_both_ages_are_within_the_limit_and_else_each_culprit_is_named(
    write: float, turn: float
) -> None:
    now = 1e7
    health = Health(now - write, now - turn, "TimeoutError")
    report = health.report(now)
    late = now - health.written > LIMIT_SECONDS
    blocked = now - health.turned - Health.TURN_SECONDS > LIMIT_SECONDS
    assert report["ok"] is not (late or blocked)
    assert (report["reason"] is None) is report["ok"]
    assert late == ("no write to Redis has succeeded" in (report["reason"] or ""))
    assert late == ("(TimeoutError)" in (report["reason"] or ""))
    assert blocked == ("the event loop has been blocked" in (report["reason"] or ""))


@pytest.fixture
async def health() -> AsyncIterator[tuple[Health, Endpoint]]:
    health = Health.new()
    endpoint = Endpoint(health_answers(health, lambda accept: (b"x 1\n", accept)), "127.0.0.1", 0)
    yield health, endpoint
    endpoint.close()


async def test_over_http_it_is_200_or_503_with_the_reason(health: tuple[Health, Endpoint]) -> None:
    state, endpoint = health
    ok, report = await asyncio.to_thread(check, "127.0.0.1", endpoint.port)
    assert ok
    assert json.loads(report)["reason"] is None
    state.written, state.failure = time.monotonic() - 60, "ReadOnlyError"
    ok, report = await asyncio.to_thread(check, "127.0.0.1", endpoint.port)
    assert not ok
    assert json.loads(report)["reason"] == "no write to Redis has succeeded for 60 s (ReadOnlyError)"


def get(port: int, path: str, accept: str = "") -> tuple[int, str, str]:
    """Give status, body and content type."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with closing(connection):
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers["Content-Type"]


async def test_liveness_and_readiness_are_apart_and_other_paths_are_unknown(health: tuple[Health, Endpoint]) -> None:
    state, endpoint = health

    async def ask(path: str) -> tuple[int, str]:
        return (await asyncio.to_thread(get, endpoint.port, path))[:2]

    assert [await ask(path) for path in ("/livez", "/readyz")] == [(200, "ok\n")] * 2
    state.written, state.failure = time.monotonic() - 60, "TimeoutError"
    assert await ask("/livez") == (200, "ok\n")
    assert await ask("/readyz") == (503, "no write to Redis has succeeded for 60 s (TimeoutError)\n")
    state.written, state.turned = time.monotonic(), time.monotonic() - 30.5
    assert await ask("/livez") == (503, "the event loop has been blocked for 30 s\n")
    assert await ask("/readyz") == (200, "ok\n")
    for path in ("/", "/metrics/", "/health/x"):
        assert (await ask(path))[0] == 404
    state.stalled = lambda _: 60.0
    assert (await ask("/health"))[0] == 503
    assert await ask("/readyz?verbose=1") == (200, "ok\n")


async def test_metrics_come_as_the_client_accepts_them(health: tuple[Health, Endpoint]) -> None:
    _, endpoint = health
    assert await asyncio.to_thread(get, endpoint.port, "/metrics", "text/plain") == (200, "x 1\n", "text/plain")


async def test_a_blocked_loop_is_told_by_the_thread(health: tuple[Health, Endpoint]) -> None:
    """The loop of this test stands still while a thread asks."""
    state, endpoint = health
    state.turned -= LIMIT_SECONDS

    def ask_meanwhile() -> tuple[bool, str]:
        time.sleep(0.6)
        return check("127.0.0.1", endpoint.port)

    asking = asyncio.get_running_loop().run_in_executor(None, ask_meanwhile)
    time.sleep(1.0)  # noqa: ASYNC251 - blocked on purpose
    ok, report = await asking
    assert not ok
    assert "the event loop has been blocked for 1" in report


async def test_the_check_command_says_no_where_nobody_answers_or_no_port_is_set() -> None:
    for env, code, said in (
        ({"SHOPSTREAM_HEALTH_PORT": str(free_port())}, 1, "no answer"),
        ({"SHOPSTREAM_HEALTH_PORT": ""}, 2, "is not set"),
    ):
        async with process(sys.executable, "-S", "-m", "worker.health", env=env) as asking:  # without packages
            out, err = await asyncio.wait_for(asking.communicate(), 60)
        assert asking.returncode == code
        assert said in (out + err).decode()


async def test_many_silent_clients_do_not_keep_others_from_an_answer(health: tuple[Health, Endpoint]) -> None:
    _, endpoint = health
    silent = [socket.create_connection(("127.0.0.1", endpoint.port)) for _ in range(50)]
    assert (await asyncio.to_thread(check, "127.0.0.1", endpoint.port))[0]
    for one in silent:
        one.close()


async def test_beats_show_the_worker_until_it_is_silent_and_the_memory_of_redis(redis: Redis, redis_url: str) -> None:
    health = Health(time.monotonic() - 60, time.monotonic() - 60)
    about = {"host": "h", "pid": 7, "started": "2026-01-01T00:00:00+00:00", "slots": 4, "in_use": 1}
    heart = Heartbeat(redis_url, "h-7", lambda: about, health)
    await redis.zadd(workers_key(), {"long-gone": 1})
    assert await workers(redis) == []
    beating = asyncio.create_task(heart.run())
    try:
        (seen,) = await until(lambda: workers(redis))
        assert seen == WorkerSeen("h-7", "h", 7, about["started"], 4, 1, full=False, seen_ms=seen.seen_ms)  # type: ignore[arg-type]
        assert await redis.zcard(workers_key()) == 1, "who is silent is forgotten"
        assert 0 < await redis.pttl(worker_key("h-7")) <= WORKER_MS
        assert health.report(time.monotonic())["ok"]
        used = int((await redis.info("memory"))["used_memory"])
        await redis.config_set("maxmemory", int(used * 1.1))
        await until(lambda: _value(heart.full))
        await redis.config_set("maxmemory", used * 4)
        await until(lambda: _value(not heart.full))
    finally:
        await redis.config_set("maxmemory", 0)
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        await heart.close()


async def test_heartbeats_of_older_and_newer_workers_are_read(redis: Redis) -> None:
    old = {"host": "h", "pid": 7, "started": "x", "slots": 4, "in_use": 1, "full": False}
    new = old | {"version": "9.0.0", "generation": "202309", "calls": 5, "rss_bytes": 6, "unheard_of": [1]}
    now_ms = await clock.read_ms(redis)
    for name, heartbeat in {"new": new, "old": old}.items():
        await redis.set(worker_key(name), json.dumps(heartbeat))
        await redis.zadd(workers_key(), {name: now_ms})
    newer, older = await workers(redis)
    assert (newer.name, newer.version, newer.generation, newer.calls, newer.rss_bytes) == (
        "new",
        "9.0.0",
        "202309",
        5,
        6,
    )
    assert (older.name, older.version, older.calls, older.cpu_seconds) == ("old", "", 0, 0.0)


async def test_a_user_who_may_not_ask_for_the_memory_beats_all_the_same(redis: Redis, redis_url: str) -> None:
    await redis.acl_setuser(
        "plain", enabled=True, passwords=["+pw"], categories=["+@all"], commands=["-info"], keys=["*"]
    )
    health = Health(0, 0)
    about = {"host": "h", "pid": 7, "started": "x", "slots": 4, "in_use": 1}
    heart = Heartbeat(redis_url.replace("://", "://plain:pw@"), "plain-7", lambda: about, health)
    beating = asyncio.create_task(heart.run())
    await until(lambda: _value(health.written))
    await until(lambda: workers(redis))
    assert (heart.full, health.failure) == (False, "")
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
    await heart.close()
    await redis.acl_deluser("plain")


BLOCKED = """
import asyncio, time
from worker.process import shutdown as ending
async def main():
    ending.on_signal(lambda: print("warned", flush=True), hard_stop=1)
    print("ready", flush=True)
    {wait}
asyncio.run(main())
"""


@pytest.mark.parametrize(
    "wait", ["time.sleep(60)", "await asyncio.sleep(60)", "await asyncio.to_thread(time.sleep, 60)"]
)
async def test_the_end_comes_whatever_hangs(wait: str) -> None:
    """A loop that is blocked, a task that never ends, a thread that never ends."""
    async with process(sys.executable, "-c", BLOCKED.format(wait=wait)) as child:
        assert child.stdout is not None
        assert await asyncio.wait_for(child.stdout.readline(), 60) == b"ready\n"
        for _ in range(2):  # a second signal does not put it off
            os.kill(child.pid, signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), 90) == -signal.SIGALRM


async def _value(value: object) -> object:
    return value


async def test_a_move_is_not_undone_because_its_mark_could_not_be_read(redis_url: str) -> None:
    """On a cluster the node of the mark may be away while that of the heartbeat answers."""
    heart = Heartbeat(redis_url, "h-8", dict, Health.new())
    mark = MoveMark("id", "redis://new", since_ms=1, partitions=1)
    for answer, moving in ((mark.to_json(), True), (RedisConnectionError(), True), (None, False)):
        heart._note_move(answer)
        assert heart.moving is moving
    await heart.close()


async def test_a_worker_that_ends_before_its_next_heartbeat_leaves_its_share_too(redis: Redis, redis_url: str) -> None:
    heart = Heartbeat(redis_url, "h-9", dict, Health.new())
    await heart._beat()
    assert await redis.zcard(sweepers_key()) == 1
    heart.leave()
    await heart.close()
    assert not await redis.exists(sweepers_key())


async def test_who_cannot_do_all_work_has_a_share_only_while_nobody_can(redis: Redis, redis_url: str) -> None:
    def beating(name: str, *, partly: bool, unfit: bool = False) -> Heartbeat:
        return Heartbeat(redis_url, name, dict, Health.new(), unfit=lambda: unfit, partly=lambda: partly)

    lame, unfit, fit = beating("a", partly=True), beating("b", partly=True, unfit=True), beating("c", partly=False)
    await unfit._beat()
    assert (unfit.left, unfit.aside, unfit.sweepers) == (False, False, frozenset("b"))
    for heart in (lame, unfit):
        await heart._beat()
    assert (lame.left, unfit.aside) == (False, True)  # who can do a part goes before who can do nothing
    assert lame.sweepers == unfit.sweepers == frozenset("a")
    for heart in (fit, lame, unfit):
        await heart._beat()
    assert (lame.left, lame.aside, unfit.aside, fit.left) == (True, False, True, False)
    assert {heart.sweepers for heart in (lame, unfit, fit)} == {frozenset("c")}
    assert find_share("a", lame.sweepers, 256) == frozenset()
    await fit.close()
    await lame._beat()
    assert (lame.left, lame.sweepers) == (False, frozenset("a"))
    for heart in (lame, unfit):
        await heart.close()
    assert not await redis.exists(sweepers_key(), spare_key(), refused_key())
