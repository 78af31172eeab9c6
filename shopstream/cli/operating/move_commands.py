"""`shopstream move`: move the deployment to another Redis, as from one server to a cluster."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, print_table, say, warn, with_client
from shopstream.client import SyncClient
from shopstream.consume.groups.group_list import ConsumerGroup
from shopstream.ids import InvalidArgument
from shopstream.move.moving import MoveDone, MoveStatus, move_deployment, read_status, undo_move


def move(
    redis_url: Url = DEFAULT_URL,
    *,
    to: Annotated[
        str, typer.Option("--to", envvar="SHOPSTREAM_MOVE_TO", show_envvar=True, help="URL of the target.")
    ] = "",
    partitions: Annotated[
        int | None,
        typer.Option("--partitions", help="The number that one Redis as target gets. A cluster has 256."),
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="Show how far the move is, and who still reads.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Have the source go on, before the move is finished.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check both sides, and move nothing.")] = False,
    json: Json = False,
) -> None:
    """Move the deployment to another Redis, as to a cluster. Run it as the user worker of both.

    Workers stop meanwhile. A move that was killed is repeated by the same command. Streams stay behind: groups read
    them to their end, then begin at the target.
    """

    async def act(client: SyncClient) -> None:
        source = client.redis
        if status:
            found = await read_status(source, to)
            print_json(asdict(found)) if json else _show_status(found)
        elif undo:
            place = await undo_move(source)
            say(f"undone: workers go on here. Empty {place} before you move there again")
        elif not to:
            raise InvalidArgument("name the target: --to redis+cluster://HOST:PORT,HOST:PORT, or SHOPSTREAM_MOVE_TO")
        else:
            tell = warn if json else say
            done = await move_deployment(source, redis_url, to, partitions=partitions, dry_run=dry_run, say=tell)
            if json:
                print_json(asdict(done))
            elif dry_run:
                say("nothing was moved (--dry-run)")
            else:
                _show_done(done)

    with_client(redis_url, act)


def _show_done(done: MoveDone) -> None:
    if done.source and done.target:
        left, right = done.source.list_counts(), done.target.list_counts()
        print_table(("", "source", "target"), [(name, left[name].number, right[name].number) for name in left])
    say(f"moved to {done.place}: set SHOPSTREAM_REDIS_URL to it for workers, gateways and clients, and start them")
    _show_groups(done.groups)


def _show_groups(groups: Sequence[ConsumerGroup]) -> None:
    """Show the groups that have not read all of the source's streams."""
    behind = [one for one in groups if one.unread or one.pending]
    if behind:
        warn("These groups read the source to its end before they begin at the target:")
        rows = [(one.stream, one.group, one.unread, one.pending) for one in behind]
        print_table(("stream", "group", "unread", "pending"), rows)
    elif groups:
        say("All groups have read the source: set their SHOPSTREAM_REDIS_URL too")


def _show_status(found: MoveStatus) -> None:
    if found.mark is None:
        say("no move leads away from this Redis")
        return
    if found.mark.state == "moved":
        say(f"moved to {found.mark.place}")
    else:
        say(f"moving to {found.mark.place}, into {found.mark.partitions} partitions: workers stand still")
    if found.arrival:
        say(f"step: {found.arrival.step}, {found.arrival.keys} keys")
    _show_groups(found.groups)
