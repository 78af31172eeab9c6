"""Name the two sides of a move, and keep the move's progress on both."""

from dataclasses import dataclass
from typing import Final, Literal, Self

import orjson
from redis.asyncio import Redis

from shopstream.errors import MoveRefused
from shopstream.redis.cluster.node_choice import count_replicas, reach_node
from shopstream.redis.deployment_keys import ARRIVAL, LAYOUT_KEY, MOVE, OLDEST_LAYOUT, PARTITIONS, PAUSED
from shopstream.redis.keys import Partition
from shopstream.redis.partition_count import MoveMark

CONFIRM_MS: Final = 3_000
"""Milliseconds within which a replica of the source has what was written there."""
MoveStep = Literal["stopping", "copying", "closing", "finishing", "counting", "opening"]
"""The steps of a move, in their order: `copying` has what workers alone write, `finishing` the rest."""


@dataclass(frozen=True, slots=True)
class MoveSide:
    """One side of a move.

    Attributes:
        redis: a client.
        partitions: their number.
    """

    redis: Redis
    partitions: int

    def list_partitions(self) -> list[Partition]:
        """List the keys of all partitions."""
        return [Partition(number) for number in range(self.partitions)]


@dataclass(frozen=True, slots=True)
class Arrival:
    """The progress of a move, as the target has it until the move is finished.

    Attributes:
        id: of the move.
        step: the step that has begun.
        keys: the keys that this step has looked at.
    """

    id: str
    step: MoveStep
    keys: int = 0

    @classmethod
    def from_json(cls, stored: bytes | None) -> Self | None:
        """Read what is stored; None if nothing is."""
        return cls(**orjson.loads(stored)) if stored else None


async def read_arrival(redis: Redis) -> Arrival | None:
    """Read the progress of a move to this Redis; None if none is under way."""
    return Arrival.from_json(await redis.get(ARRIVAL))


async def write_arrival(redis: Redis, arrival: Arrival) -> None:
    """Write the progress of a move to this Redis."""
    await redis.set(ARRIVAL, orjson.dumps(arrival))


async def keep_mark(source: MoveSide, mark: MoveMark) -> None:
    """Write the source's mark, and wait until a replica has it, with all that was written to this server before.

    A replica that is promoted without it would go on as if nothing had moved.

    Raises:
        MoveRefused: the source has replicas, and none has confirmed the mark.
    """
    written, node = mark.to_json(), await reach_node(source.redis, MOVE, anew=True)
    async with node.client() as connection:
        while True:
            await connection.set(MOVE, written)
            confirmed = not await count_replicas(connection)
            # The answer is about what this connection has written.
            confirmed = confirmed or await connection.execute_command("WAIT", 1, CONFIRM_MS)  # type: ignore[no-untyped-call]
            if await connection.get(MOVE) == written:
                break  # else a failover meanwhile has lost it
    if not confirmed:
        raise MoveRefused("no replica of the source has confirmed the mark: repeat the move once its replicas follow")


async def identify(source: MoveSide) -> str:
    """Give the id of the process that has the source's mark: after a failover it is another one."""
    node = await reach_node(source.redis, MOVE, anew=True)
    return str((await node.info("server"))["run_id"])


async def finish_source(source: MoveSide, mark: MoveMark) -> None:
    """Mark the source as moved. From here on its workers, clients and consumers refuse it."""
    moved = MoveMark(id=mark.id, place=mark.place, since_ms=mark.since_ms, partitions=mark.partitions, state="moved")
    await keep_mark(source, moved)


async def open_target(source: MoveSide, target: MoveSide) -> None:
    """Let workers and clients begin on the target. It comes after the mark on the source: only one side ever works."""
    if since := await source.redis.get(PAUSED):
        await target.redis.set(PAUSED, since)
    else:
        await target.redis.delete(PAUSED)
    await target.redis.set(LAYOUT_KEY, await source.redis.get(LAYOUT_KEY) or OLDEST_LAYOUT)
    await target.redis.set(PARTITIONS, target.partitions)
    await target.redis.delete(ARRIVAL)


def describe_place(url: str) -> str:
    """Write a URL without user, password and parameters."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"
