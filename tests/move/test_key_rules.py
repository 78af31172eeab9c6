"""Each key that the code makes has a rule by which it moves, and each rule is of a key."""

import inspect
from collections.abc import Iterator

import pytest

from shopstream.move.key_rules import DEPLOYMENT, RULES, find_owner, read_key
from shopstream.redis import deployment_keys, keys
from shopstream.redis.keys import PREFIX, STREAMS, Partition

NOT_KEYS = {"prefix", "number", "of_shop", "backlogs"}
PATTERNS = {"TOKENS"}
SHOP = "7495000000001000000"


def make_keys() -> Iterator[str]:
    """Make one key of each kind."""
    partition = Partition(0)
    for name in dir(partition):
        if name.startswith("_") or name in NOT_KEYS:
            continue
        member = getattr(partition, name)
        if name == "stream":
            yield from map(partition.stream, STREAMS)
        elif callable(member):
            yield member(*("x" for _ in inspect.signature(member).parameters))
        else:
            yield member
    for name, function in inspect.getmembers(deployment_keys, inspect.isfunction):
        if name.endswith("_key"):
            yield function(*("x" for _ in inspect.signature(function).parameters))


def test_the_table_has_each_key_and_no_other() -> None:
    found = [read_key(key.encode()) for key in make_keys()]
    assert None not in found
    assert {name.word for name in found if name} == set(RULES)


def test_each_key_without_a_partition_has_its_reason() -> None:
    names = {
        name
        for name, value in vars(deployment_keys).items()
        if isinstance(value, str) and value.startswith(f"{PREFIX}:")
    }
    assert names - PATTERNS == set(DEPLOYMENT)


def test_a_key_that_stays_has_its_reason() -> None:
    assert [word for word, rule in RULES.items() if (rule.how == "stays") != bool(rule.reason)] == []


@pytest.mark.parametrize(
    ("word", "name", "owner"),
    [
        ("registry", SHOP, SHOP),
        ("gone", f"{SHOP}:17", SHOP),
        ("notified", f"5:{SHOP}:a:b", SHOP),
        ("due_kept", f"products:{SHOP}", SHOP),
        ("due_kept", "refresh:00ff", "00ff"),
        ("due_kept", "dry:00ff", None),
        ("due_kept", keys.MOVING, None),
        ("due_kept", "strange", None),
    ],
)
def test_a_field_goes_where_its_owner_is(word: str, name: str, owner: str | None) -> None:
    assert find_owner(word, name.encode()) == owner


def test_the_counts_of_a_run_are_no_shops_walks() -> None:
    (run, walk) = (read_key(Partition(3).walk(name).encode()) for name in ("full-17-ab", SHOP))
    assert run
    assert walk
    assert (run.is_run, walk.is_run, walk.owner) == (True, False, SHOP)
    assert walk.place_in(200).decode() == Partition(200).walk(SHOP)


def test_foreign_keys_have_no_rule() -> None:
    assert [read_key(key) for key in (b"arq:queue", b"shopstream:{0}:nothing:1", b"shopstream:{x}:due")] == [None] * 3
