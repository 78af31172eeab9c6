"""`shopstream groups`: list the consumer groups of all streams, and delete one."""

from dataclasses import asdict
from typing import Annotated

import typer

from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, print_table, say, warn, with_client
from shopstream.client import SyncClient
from shopstream.consume.groups.group_list import ConsumerGroup, find_group
from shopstream.durations import write_duration
from shopstream.redis.partition_count import partition_count

app = typer.Typer(invoke_without_command=True, help="List the consumer groups of all streams, and delete one.")


@app.callback()
def groups(context: typer.Context, redis_url: Url = DEFAULT_URL, *, json: Json = False) -> None:
    """List the consumer groups of all streams, and delete one.

    unread: entries not delivered yet. pending: delivered, not acknowledged. members: living `EventConsumer`s. lost:
    entries that were trimmed before the group had read them.
    """
    if context.invoked_subcommand:
        return

    async def act(client: SyncClient) -> None:
        found = await client.list_groups()
        if json:
            for one in found:
                print_json(asdict(one))
        elif found:
            head = ("stream", "group", "unread", "pending", "members", "oldest unread", "lost")
            print_table(head, [_row(one) for one in found])
        else:
            warn("No consumer group reads a stream yet.")

    with_client(redis_url, act)


@app.command()
def delete(
    stream: str,
    group: str,
    redis_url: Url = DEFAULT_URL,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm: the removal is final.")] = False,
    json: Json = False,
) -> None:
    """Delete a consumer group whose consumers have ended. Trimming no longer waits for it."""

    async def act(client: SyncClient) -> None:
        if not yes:
            one = await find_group(client.redis, await partition_count(client.redis), stream, group)
            warn(f"{_describe_cost(one)}. Confirm it with --yes")
            raise typer.Exit(1)
        last = await client.delete_group(stream, group)
        print_json(asdict(last)) if json else say(f"deleted: {_describe_cost(last)}")

    with_client(redis_url, act)


def _describe_cost(one: ConsumerGroup) -> str:
    least = "" if one.exact else "at least "
    owed = f"{least}{one.unread} unread and {one.pending} unacknowledged entries never reach group {one.group}"
    return f"{owed} of {one.stream}; a new group of this name begins where its consumer says"


def _row(one: ConsumerGroup) -> tuple[object, ...]:
    unread = str(one.unread) if one.exact else f"{one.unread} or more"
    age = "" if one.oldest_unread_seconds is None else write_duration(one.oldest_unread_seconds)
    return one.stream, one.group, unread, one.pending, one.members, age, one.lost
