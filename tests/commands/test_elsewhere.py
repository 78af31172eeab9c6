"""A Redis that is not the deployment's, or not any more: each command says so, and none says that something is done."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import typer
from redis.asyncio import Redis

from shopstream.cli.app import build
from shopstream.redis.deployment_keys import MOVE, PAUSED
from shopstream.redis.partition_count import MoveMark
from tests.commands.running import Done, command
from tests.move.planted import name_shop, plant
from tests.processes import settle

PLACE: Final = "redis://new:6379/0"
SHOP: Final = name_shop(0)
COMMANDS: Final = [
    ["authorize", "code"], ["dead", "counts"], ["dead", "drop", "--all"], ["dead", "list"],
    ["dead", "requeue", "--all"], ["dead", "show", "1-1"], ["dictionary"], ["dictionary", "train"],
    ["dictionary", "use", "0"], ["explain", SHOP, "1"], ["export", "-"], ["forget", SHOP, "--yes"], ["groups"],
    ["groups", "delete", "stock", "erp", "--yes"], ["invite", "--gateway-url", "https://shops.example.com"],
    ["invite", "--held"], ["pause"], ["pause", SHOP], ["resume"], ["resume", SHOP], ["settings", SHOP],
    ["settings", SHOP, "low=3"], ["shops"], ["shops", "adopt", "app"], ["shops", "adopt", "app", "--yes"],
    ["shops", "retry"], ["snapshot", SHOP], ["status"], ["sync", "products", SHOP, "1"], ["sync", "shop", "--all"],
    ["sync", "shop", SHOP], ["sync", "stock", SHOP], ["sync", "stock", SHOP, "1"], ["tail", "stock", "-n", "1"],
    ["webhooks", SHOP], ["workers"],
]  # fmt: skip
OTHERS: Final = {
    ("bridge", "kafka"): "a consumer, which reads what is left",
    ("doctor",): "see below",
    ("import",): "reads its file first: tests/shopstream/client/test_backup.py",
    ("move",): "tests/move",
    ("slots", "move"): "refuses what is no cluster",
}


def find_asking(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Find the commands that ask Redis, as the words that call them."""
    if any("--redis-url" in option.opts for option in group.params):
        yield before
    for name, inner in getattr(group, "commands", {}).items():
        yield from find_asking(inner, (*before, name))


async def run_all(redis_url: str) -> list[tuple[str, Done]]:
    """Run all commands, two at a time."""
    turn = asyncio.Semaphore(2)

    async def one(words: list[str]) -> tuple[str, Done]:
        async with turn:
            return " ".join(words), await command(redis_url, *words)

    return await asyncio.gather(*map(one, COMMANDS))


def test_no_command_is_left_out() -> None:
    asking = set(find_asking(typer.main.get_command(build())))
    tried = {words for words in asking for given in COMMANDS if tuple(given[: len(words)]) == words}
    assert asking == tried | OTHERS.keys()


async def test_after_a_move_each_command_names_the_new_place(redis: Redis, redis_url: str) -> None:
    await plant(redis, 1)
    await redis.delete(PAUSED)
    await redis.set(MOVE, MoveMark("m", PLACE, 1, 4, "moved").to_json())
    before = {key async for key in redis.scan_iter()}
    for words, done in await run_all(redis_url):
        assert (done.code != 0, PLACE in done.err, done.err.count("\n"), done.out) == (True, True, 1, ""), (words, done)
    assert {key async for key in redis.scan_iter()} == before


async def test_where_nothing_of_shopstream_is_no_command_says_that_it_is_done(redis_url: str) -> None:
    for words, done in await run_all(redis_url):
        assert done.code != 0, (words, done)
        assert ("nothing of shopstream is in this Redis" in done.err, done.out) == (True, ""), (words, done)


async def test_the_doctor_names_the_place_to_which_the_deployment_moves(redis: Redis, redis_url: str) -> None:
    await plant(redis, 1)
    await redis.set(MOVE, MoveMark("m", PLACE, 1, 4, "moved").to_json())
    left = await command(redis_url, "doctor", "--offline", "--json")
    assert left.code == 2
    assert left.documents[-1]["text"] == f"the deployment was moved to {PLACE}"
    await redis.set(MOVE, MoveMark("m", PLACE, 1, 4).to_json())
    moving = await command(redis_url, "doctor", "--offline", "--json")
    assert (moving.documents[-1]["grade"], PLACE in moving.documents[-1]["text"]) == ("warn", True)
    assert "shopstream move --status" in moving.documents[-1]["remedy"]


async def test_hosts_of_an_app_that_nobody_consented_to_are_not_adopted(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    done = await command(redis_url, "shops", "adopt", "app", "--yes", "--json")
    assert (done.code, done.documents, "Nothing matched" in done.err) == (1, [{"adopted": 0}], True)
