"""`shopstream tail`: show the events of a stream as they arrive."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import typer

from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, say, warn, with_client
from shopstream.client import SyncClient
from shopstream.events import Event, InvalidEntry, parse
from shopstream.redis.keys import STREAMS, Partition
from shopstream.redis.partition_count import partition_count
from shopstream.redis.streams.stream_tail import tail_stream


def tail(
    stream: Annotated[str, typer.Argument(help=f"One of {', '.join(STREAMS)}.")],
    redis_url: Url = DEFAULT_URL,
    *,
    beginning: Annotated[bool, typer.Option("--from-start", help="Begin with the oldest entry.")] = False,
    count: Annotated[int, typer.Option("-n", min=0, help="Stop after this number of events; 0 never.")] = 0,
    group: Annotated[str | None, typer.Option(help="Read as this consumer group, and acknowledge.")] = None,
    json: Json = False,
) -> None:
    """Show the events of a stream as they arrive."""
    if stream not in STREAMS:
        raise typer.BadParameter(f"{stream!r} is not a stream: one of {', '.join(STREAMS)}")

    async def act(client: SyncClient) -> None:
        shown = 0
        start = "0" if beginning else "$"
        events = _as_group(redis_url, stream, group, start) if group else _follow(client, stream, start)
        async with aclosing(events):
            async for event in events:
                _show(event, json=json)
                await event.ack()
                shown += 1
                if shown == count:
                    return

    with_client(redis_url, act)


async def _as_group(redis_url: str, stream: str, group: str, start: str) -> AsyncGenerator[Event, None]:
    from shopstream.consume.consumer import EventConsumer

    # It gives its partitions back after a signal too, so that the next member needn't wait.
    async with EventConsumer(redis_url, stream=stream, group=group, start=start, handle_signals=True) as consumer:
        async for event in consumer:
            yield event


async def _follow(client: SyncClient, stream: str, start: str) -> AsyncGenerator[Event, None]:
    """Yield every event from `start` on, without a group."""
    redis = client.redis
    partitions = await partition_count(redis)
    positions: dict[str, str] = {}
    for key in (Partition(number).stream(stream) for number in range(partitions)):
        last = await redis.xrevrange(key, count=1) if start == "$" else []
        positions[key] = last[0][0].decode() if last else "0-0"
    async for key, entries in tail_stream(redis, stream, positions):
        for entry_id, fields in entries:
            try:
                yield parse(key, entry_id.decode(), fields)
            except InvalidEntry as invalid:
                warn(str(invalid), "yellow")


def _show(event: Event, *, json: bool) -> None:
    if json:
        print_json(dict(event.data) | {"entry_id": event.entry_id})
        return
    data = event.data
    text = ""
    if event.name == "stock.changed":
        text = f"{data['previous_available']} → {data['available']}  {data['transition'] or ''}"
    elif event.name.startswith("product."):
        text = f"{data.get('title') or ''}  {' '.join(data.get('changed') or ())}"
    elif event.name == "dead.letter":
        text = f"{data['error_class']}: {data['message']}"
    elif event.name.startswith("shop."):
        text = str(data.get("name") or data.get("reason") or "")
    say(f"{event.time} {event.name} {event.subject} #{event.seq}  {text}")
