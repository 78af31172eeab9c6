"""Each command of docs/commands.md does what an operator expects of it: it ends well against a system that runs."""

import re
import shlex
from pathlib import Path

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.cli.app import build
from shopstream.redis.keys import Partition
from tests.commands.running import command
from tests.processes import sandbox, worker

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
LINES = [
    line.removeprefix("shopstream ")
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]


async def test_the_commands_of_the_page(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "5") as front, worker(front.env(redis_url)):
        shop = front.shops[0]["shop_id"]
        assert (await command(redis_url, "authorize", front.auth_codes[0])).code == 0
        async with SyncClient(redis_url) as client:
            await client.wait(await client.sync_shop(shop, full=True), timeout=60)
            product = next(iter((await client.take_snapshot(shop)).products))
        await redis.xgroup_create(Partition(0).stream("stock"), "GROUP", "0")
        for line in LINES:
            given = shlex.split(line.replace("SHOP", shop).replace("PRODUCT", product))
            if "authorize CODE" in line:
                continue  # above: a code is good for once
            done = await command(redis_url, *given, SHOPSTREAM_API_URL=front.url, SHOPSTREAM_AUTH_URL=front.url)
            # A test's Redis has no maxmemory, and its group no member: the doctor warns.
            assert done.code in ({0, 1} if given[0] == "doctor" else {0}), (line, done)


def test_the_page_names_every_command() -> None:
    app = build()
    names = {one.name for one in app.registered_commands} | {one.name for one in app.registered_groups}
    assert {name for name in names if name and f"`{name}" not in PAGE and f"shopstream {name}" not in PAGE} == set()
