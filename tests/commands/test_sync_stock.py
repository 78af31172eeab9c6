"""`shopstream sync stock` asks for what it was given: all stock only where no ids were meant."""

import pytest
from redis.asyncio import Redis

from tests.commands.running import command
from tests.move.planted import name_shop, plant

SHOP = name_shop(0)


async def test_no_line_of_standard_input_is_no_id_and_not_all_stock(redis: Redis, redis_url: str) -> None:
    await plant(redis, 1)
    done = await command(redis_url, "sync", "stock", SHOP, "-", "--json", stdin="\n")
    assert (done.code, done.documents[0]["asked"]) == (0, 0), done


@pytest.mark.parametrize(("option", "said"), [("--dry-run", "sync shop SHOP --full --dry-run"), ("--urgent", "ids")])
async def test_an_option_of_ids_alone_is_refused_without_ids(
    redis: Redis, redis_url: str, option: str, said: str
) -> None:
    await plant(redis, 1)
    done = await command(redis_url, "sync", "stock", SHOP, option)
    assert (done.code, said in done.err, done.err.count("\n"), done.out) == (2, True, 1, ""), done
