"""`shopstream slots`: move slots of a cluster to another node, without a new epoch."""

from dataclasses import asdict
from typing import Annotated

import typer

from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, say, with_client
from shopstream.client import SyncClient
from shopstream.ids import InvalidArgument
from shopstream.redis.cluster.hash_slots import find_slot
from shopstream.redis.keys import Partition
from shopstream.redis.partition_count import partition_count
from shopstream.slot_moves.moving_slots import move, read_place

app = typer.Typer(help="Move slots of a cluster to another node, without a new epoch.")


@app.callback()
def slots() -> None:
    """Move slots of a cluster to another node, without a new epoch."""


@app.command("move")
def move_slots(
    to: Annotated[str, typer.Option("--to", help="The primary that gets them: HOST:PORT.")],
    redis_url: Url = DEFAULT_URL,
    *,
    partition: Annotated[int | None, typer.Option(help="Move the slot of this partition.")] = None,
    slots: Annotated[str | None, typer.Option(help="Move these slots: A-B, or A alone.")] = None,
    seconds: Annotated[float, typer.Option(min=0, max=86_400, help="Wait for the end for so many seconds.")] = 600,
    json: Json = False,
) -> None:
    """Move slots to a primary by CLUSTER MIGRATESLOTS (Valkey 9). Consumers need no new snapshot."""

    async def act(client: SyncClient) -> None:
        count = await partition_count(client.redis)
        first, last = _read_range(partition, slots, count)
        moved = await move(client.redis, count, first, last, target=read_place(to), seconds=seconds)
        if json:
            print_json(asdict(moved))
        else:
            say(f"{moved.slots} slots moved, with {moved.partitions} partitions; {moved.kept} epochs go on")

    with_client(redis_url, act)


def _read_range(partition: int | None, slots: str | None, partitions: int) -> tuple[int, int]:
    if (partition is None) == (slots is None):
        raise InvalidArgument("name --partition or --slots, one of the two")
    if partition is not None:
        if not 0 <= partition < partitions:
            raise InvalidArgument(f"partitions are 0 to {partitions - 1}")
        slot = find_slot(Partition(partition).prefix)
        return slot, slot
    first, _, last = (slots or "").partition("-")
    if not first.isdecimal() or (last and not last.isdecimal()):
        raise InvalidArgument("slots are A-B, or A alone")
    return int(first), int(last or first)
