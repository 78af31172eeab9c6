"""`shopstream bridge`: pass events on to another bus."""

from pathlib import Path
from typing import Annotated

import typer

from shopstream.cli.terminal import DEFAULT_URL, Json, Url, run, warn

app = typer.Typer(help="Pass events on to another bus.")


@app.callback()
def bridge() -> None:
    """Pass events on to another bus."""


@app.command()
def kafka(
    redis_url: Url = DEFAULT_URL,
    *,
    stream: Annotated[
        list[str] | None, typer.Option("--stream", help="A stream to copy; may be repeated. By default all four.")
    ] = None,
    bootstrap: Annotated[str | None, typer.Option(help="Brokers, as HOST:PORT,HOST:PORT.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="File of librdkafka's properties, NAME=VALUE a line; secrets belong there.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="The topics are PREFIX.STREAM.")] = "shopstream",
    group: Annotated[str, typer.Option(help="Consumer group in Redis.")] = "kafka",
    start: Annotated[
        str, typer.Option("--from", help="Begin of a new group: 0 the oldest entry, $ the end, or an entry id.")
    ] = "0",
    timeout: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds after which an unconfirmed delivery begins anew.")
    ] = 30,
    json: Json = False,
) -> None:
    """Copy streams to Kafka topics until a signal: CloudEvents, at least once, in order by subject.

    Counts and lag are logged once a minute. Needs shopstream[kafka].
    """
    import re
    import sys

    from shopstream.redis.keys import STREAMS

    streams = stream or list(STREAMS)
    if unknown := [one for one in streams if one not in STREAMS]:
        raise typer.BadParameter(f"{unknown[0]!r} is not a stream: one of {', '.join(STREAMS)}")
    if not re.fullmatch(r"[a-zA-Z0-9._-]{1,200}", prefix):
        raise typer.BadParameter("a prefix has letters, digits, '.', '_' and '-'")
    try:
        from shopstream.kafka.bridge import KafkaBridge
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "confluent_kafka":
            raise
        warn("the bridge needs one package more: pip install 'shopstream[kafka]'", "red")
        raise typer.Exit(1) from None
    from shopstream.kafka.bridge_log import write_to
    from shopstream.kafka.librdkafka_properties import read_properties

    async def act() -> None:
        properties = read_properties(config, bootstrap)
        copy = KafkaBridge(
            redis_url, streams=streams, group=group, start=start, prefix=prefix, timeout=timeout, properties=properties
        )
        write_to(sys.stdout if json else sys.stderr, json=json)
        await copy.run()

    run(act())
