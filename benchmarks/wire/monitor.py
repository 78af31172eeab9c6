"""Commands that clients send to Redis, counted by MONITOR: what scripts do inside of themselves is not among them.

INFO commandstats and the `tot-cmds` of CLIENT LIST count those too. MONITOR slows the server, so it runs apart from
where CPU is measured.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio import Redis

_LINE: Final = re.compile(rb'\+[\d.]+ \[\d+ ([^\]]+)\] "([^"]*)"')
_MARK: Final = "that is all"


@dataclass
class Sent:
    """Commands by (client's address, name in lower case)."""

    by_client: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.by_client.total()

    def by_name(self) -> dict[str, int]:
        """Commands by name, the most frequent first."""
        names: Counter[str] = Counter()
        for (_, name), count in self.by_client.items():
            names[name] += count
        return dict(names.most_common())


@asynccontextmanager
async def monitor(redis: Redis) -> AsyncIterator[Sent]:
    """What everybody but `redis`, which has a `client_name`, sends while inside; complete when it is left."""
    mine: str = redis.connection_pool.connection_kwargs["client_name"]
    where = urlsplit(f"//{redis.connection_pool.connection_kwargs['host']}")
    reader, writer = await asyncio.open_connection(
        where.hostname, redis.connection_pool.connection_kwargs["port"], limit=2**24
    )
    writer.write(b"MONITOR\r\n")
    assert await reader.readline() == b"+OK\r\n"
    sent = Sent()
    reading = asyncio.create_task(_read(reader, sent))
    try:
        yield sent
        await redis.echo(_MARK)
        await asyncio.wait_for(reading, 30)
    finally:
        reading.cancel()
        writer.close()
    clients: list[dict[str, Any]] = await redis.client_list()
    ours = {one["addr"] for one in clients if one["name"] == mine}
    for client, name in [key for key in sent.by_client if key[0] in ours]:
        del sent.by_client[client, name]


async def _read(reader: asyncio.StreamReader, sent: Sent) -> None:
    while line := await reader.readline():
        if not (found := _LINE.match(line)):
            raise ValueError(f"MONITOR says {line[:80]!r}")
        client, name = found[1].decode(), found[2].decode().lower()
        if name == "echo" and _MARK.encode() in line:
            return
        if client != "lua":
            sent.by_client[client, name] += 1
