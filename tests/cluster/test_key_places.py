"""The table of keys and the slots, judged by a real node."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shopstream.redis.cluster.hash_slots import find_slot
from shopstream.redis.cluster.key_places import find_key
from tests.running.clusters import Node, start_node


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with AsyncExitStack() as stack:
        yield await start_node(stack)


KEYS = [
    "",
    "{}",
    "{0}",
    "a{b}c",
    "a{}b{c}",
    "}{a",
    "{{a}}",
    "a{b",
    "ä{ö}ü",
    "shopstream:{255}:due",
    "shopstream:paused",
]


async def test_a_slot_is_that_of_the_server(node: Node) -> None:
    draw = random.Random(7)  # noqa: S311 - of a test
    made = ["".join(draw.choices("ab{}:0", k=draw.randrange(12))) for _ in range(2_000)]
    keys = [*KEYS, *made]
    async with node.redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.execute_command("CLUSTER", "KEYSLOT", key)
        answers = await pipe.execute()
    assert [find_slot(key) for key in keys] == answers


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_bytes_and_text_have_one_slot(key: str) -> None:
    assert 0 <= find_slot(key) == find_slot(key.encode()) < 16_384


COMMANDS = [
    ("GET", "k"), ("MGET", "k", "l"), ("ZADD", "k", 1, "m"), ("EVAL", "return 1", 1, "k"), ("EVALSHA", "0", 1, "k"),
    ("EVAL", "return 1", 0), ("XREAD", "COUNT", 1, "STREAMS", "k", "0"), ("XREAD", "BLOCK", 1, b"streams", "k", "0"),
    ("XREADGROUP", "GROUP", "streams", "STREAMS", "STREAMS", "k", ">"), ("XINFO GROUPS", "k"), ("XINFO", "GROUPS", "k"),
    ("XGROUP CREATE", "k", "g", "0"), ("BZPOPMIN", "k", 1), ("OBJECT", "ENCODING", "k"), ("MEMORY", "USAGE", "k"),
    ("MEMORY USAGE", "k"), ("LMPOP", 1, "k", "LEFT"), ("BLMPOP", 1, 1, "k", "LEFT"), ("TIME",), ("INFO", "memory"),
    ("WAITAOF", 1, 0, 1), ("SCAN", 0), ("PUBLISH", "c", "m"), ("DEL", 5), ("SET", b"k", b"\xff"),
]  # fmt: skip


async def test_the_key_of_a_command_is_that_of_the_server(node: Node) -> None:
    for command in COMMANDS:
        words = [*str(command[0]).split(), *command[1:]]
        try:
            first = [*await node.ask("COMMAND GETKEYS", *words), None][0]
        except ResponseError:  # it has none
            first = None
        found = find_key(command)
        assert (found.decode() if isinstance(found, bytes) else found) == first, command


OTHERS = {"OBJECT", "XINFO", "XGROUP", "MEMORY", "MIGRATE"}
"""Their keys are judged above, with a subcommand."""


async def test_each_command_of_the_server_that_begins_with_its_key_is_known_as_such(redis: Redis) -> None:
    """A command that the table does not name has its key first; those that differ are in it."""
    differ: list[str] = []
    answer = await redis.execute_command("COMMAND")  # type: ignore[no-untyped-call]
    facts = answer.values() if isinstance(answer, dict) else answer
    for one in facts:
        name, place, flags = str(one["name"]).upper(), int(one["first_key_pos"]), one["flags"]
        if {"movablekeys", "admin"} & set(map(str, flags)) or name in OTHERS:
            continue
        found = find_key((name, 1, 2, 3, 4))
        if (found is None) != (place == 0) or (place and found != str(place)):
            differ.append(f"{name}: {found!r}, not {place}")
    assert not differ, " ".join(differ)
