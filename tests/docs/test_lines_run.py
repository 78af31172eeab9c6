"""The `shopstream` lines of pages that no other test runs: each ends well against a system that runs."""

import re
import shlex
from pathlib import Path

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.commands.running import Done, command
from tests.docs.blocks import SHELL, read_blocks
from tests.processes import sandbox, worker
from tests.sources import ROOT

RUN_ELSEWHERE = {"README.md", "docs/commands.md", "docs/own-shop.md"}
NEEDS_A_DEPLOYMENT = ("setup ", "authorize ", "invite --accept ", "bridge kafka", "slots move")
"""Lines that make a deployment's files, use up a code or a held consent, or need a broker or a cluster."""
MAY_WARN = ("doctor", "status", "dead list --group")
"""Lines that end with 1 here: a test's Redis has no maxmemory, and its group has given nothing up."""


def lines_of_pages() -> list[str]:
    """Give each line once, also of those that run inside of a container or pod."""
    found: dict[str, None] = {}
    for page in sorted((ROOT / "docs").glob("*.md")):
        if str(page.relative_to(ROOT)) not in RUN_ELSEWHERE:
            lines = [line for block in read_blocks(page) if block.language in SHELL for line in block.commands]
            # Of `… exec worker shopstream status` the last part; no line with a pipe or a redirection.
            matches = [re.search(r"(?:^|exec \S+ (?:-- )?)shopstream ([^|<>;&$]+)$", line) for line in lines]
            found |= dict.fromkeys(match[1].strip() for match in matches if match)
    return [line for line in found if not line.startswith(NEEDS_A_DEPLOYMENT)]


async def test_each_line_ends_well(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front, worker(front.env(redis_url)):
        shop = front.shops[0]["shop_id"]
        assert (await command(redis_url, "authorize", front.auth_codes[0])).code == 0
        async with SyncClient(redis_url) as client:
            await client.wait(await client.sync_shop(shop, full=True), timeout=60)
            product = next(iter((await client.take_snapshot(shop)).products))
            await client.wait(
                await client.sync_products(shop, ["1729000000000000001"]), timeout=60
            )  # gives a letter up
        await redis.xgroup_create(Partition(0).stream("stock"), "GROUP", "0")
        ((entry, _),) = await redis.xrange(Partition(0).stream("dead"), count=1)
        words = {"SHOP": shop, "PRODUCT": product, "STREAM": "stock", "ENTRY": entry.decode()}
        words["/backups/shopstream.jsonl"] = str(tmp_path / "shopstream.jsonl")
        lines = lines_of_pages()
        assert len(lines) > 15
        wrong = []
        for line in lines:
            given = [words.get(word, word) for word in shlex.split(line)]
            done = await run(redis_url, front.url, given)
            if done.code not in ({0, 1} if line.startswith(MAY_WARN) else {0}):
                wrong.append((line, done))
        assert wrong == []


async def run(redis_url: str, sandbox_url: str, given: list[str]) -> Done:
    if given[0] == "tail":
        given = [*given, "-n", "1"]  # else it stays until Ctrl-C
    return await command(
        redis_url, *given, SHOPSTREAM_API_URL=sandbox_url, SHOPSTREAM_AUTH_URL=sandbox_url,
        SHOPSTREAM_GATEWAY_URL="https://shops.example.com", SHOPSTREAM_SERVICE_ID="42",
    )  # fmt: skip
