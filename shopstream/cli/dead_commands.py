"""`shopstream dead`: inspect, requeue or drop dead letters; inspect or drop events that a group gave up."""

import textwrap
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from shutil import get_terminal_size
from typing import Annotated, Final, cast

import typer

from shopstream.cli.output.documents import DropDone, LetterDocument, RequeueDone
from shopstream.cli.output.operation_documents import LetterCount
from shopstream.cli.terminal import (
    DEFAULT_URL,
    Json,
    Url,
    is_terminal,
    moment_ms,
    print_json,
    print_row,
    say,
    warn,
    with_client,
)
from shopstream.client import SyncClient
from shopstream.dead.given_up import GivenUp
from shopstream.dead.letters import Which
from shopstream.events import Event
from shopstream.ids import InvalidArgument
from shopstream.ids import show as show_value

app = typer.Typer(no_args_is_help=True, help="Inspect, retry or delete failed ids (dead letters).")

Shop = Annotated[str | None, typer.Option("--shop", help="Take only letters of this shop.")]
Class = Annotated[str | None, typer.Option("--class", help="Take only letters of this error class.")]
Since = Annotated[
    str | None, typer.Option("--since", help="Take only later letters: 30m, 12h, 7d, or a time with zone.")
]
All = Annotated[bool, typer.Option("--all", help="Take all letters.")]
Entries = Annotated[list[str] | None, typer.Argument(metavar="[ENTRY]...", help="Entry ids, as `list` shows them.")]
Group = Annotated[str | None, typer.Option("--group", help="Take what this consumer group gave up; needs --stream.")]
Stream = Annotated[str | None, typer.Option("--stream", help="The stream that the group reads.")]


@app.command("list")
def list_(
    redis_url: Url = DEFAULT_URL,
    *,
    shop: Shop = None,
    error_class: Class = None,
    since: Since = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Show this number at most; 0 all.")] = 0,
    each: Annotated[bool, typer.Option("--each", help="Show each letter. Default: numbers by class and shop.")] = False,
    group: Group = None,
    stream: Stream = None,
    json: Json = False,
) -> None:
    """Count the dead letters by class and shop; with --each or --json list them, oldest first.

    Without a terminal each is one line, with tabs between the cells.
    """

    async def act(client: SyncClient) -> None:
        letters = _letters(client, shop, error_class, moment_ms(since), _reader(group, stream, error_class))
        if not (json or each):
            await _count_letters(letters, limit, nothing=_nothing(shop, error_class, since, group))
            return
        shown = 0
        async for record in letters:
            print_json(record) if json else _show_one(record)
            shown += 1
            if shown == limit:
                return
        if not shown and not json:
            warn(_nothing(shop, error_class, since, group))

    with_client(redis_url, act)


@app.command()
def counts(
    redis_url: Url = DEFAULT_URL,
    *,
    shop: Shop = None,
    error_class: Class = None,
    since: Since = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Show this number of lines at most; 0 all.")] = 0,
    group: Group = None,
    stream: Stream = None,
    json: Json = False,
) -> None:
    """Count the dead letters by error class and shop, the most frequent first."""

    async def act(client: SyncClient) -> None:
        letters = _letters(client, shop, error_class, moment_ms(since), _reader(group, stream, error_class))
        await _count_letters(letters, limit, json=json, nothing=_nothing(shop, error_class, since, group))

    with_client(redis_url, act)


@app.command()
def show(
    entry: str, redis_url: Url = DEFAULT_URL, *, group: Group = None, stream: Stream = None, json: Json = False
) -> None:
    """Show one dead letter with all its fields."""

    async def act(client: SyncClient) -> None:
        reader = _reader(group, stream, None)
        if reader:
            document = _given_up(await (await client.open_group_dead(*reader)).show(entry))
        else:
            document = _document(await client.show_dead_letter(entry), entry)
        if json:
            print_json(document)
        else:
            for name, value in document.items():
                say(f"{name:>16}  {'' if value is None else value}")

    with_client(redis_url, act)


@app.command()
def requeue(
    entries: Entries = None,
    redis_url: Url = DEFAULT_URL,
    *,
    shop: Shop = None,
    error_class: Class = None,
    since: Since = None,
    everything: All = False,
    group: Group = None,
    stream: Stream = None,
    json: Json = False,
) -> None:
    """Requeue the ids of dead letters, after you have fixed the cause.

    Events that a consumer group gave up are not delivered again: see `shopstream dead drop --group`.
    """

    async def act(client: SyncClient) -> None:
        if reader := _reader(group, stream, error_class):
            (await client.open_group_dead(*reader)).requeue()
        which = _which(entries, shop, error_class, since, everything=everything)
        done = await (await client.open_dead_letters()).requeue(which)
        if json:
            print_json(RequeueDone(requeued=done.done, refused=done.refused))
        elif done.done:
            say(f"requeued {done.done} ids")
        if not done.done and not done.refused:
            warn("Nothing matched: no id was requeued")
        for name, why in done.refused.items():
            warn(f"{name} stays: {why}", "red")
        if done.refused or not done.done:
            raise typer.Exit(1)

    with_client(redis_url, act)


@app.command()
def drop(
    entries: Entries = None,
    redis_url: Url = DEFAULT_URL,
    *,
    shop: Shop = None,
    error_class: Class = None,
    since: Since = None,
    everything: All = False,
    group: Group = None,
    stream: Stream = None,
    json: Json = False,
) -> None:
    """Drop dead letters without requeueing their ids."""

    async def act(client: SyncClient) -> None:
        which = _which(entries, shop, error_class, since, everything=everything)
        if not (reader := _reader(group, stream, error_class)):
            dropped = await (await client.open_dead_letters()).drop(which)
        elif which.names:
            dropped = await (await client.open_group_dead(*reader)).drop(which.names)
        else:
            dropped = await (await client.open_group_dead(*reader)).drop_all(shop, which.since_ms)
        print_json(DropDone(dropped=dropped)) if json else say(f"dropped {dropped} letters")
        if not dropped:
            warn("Nothing matched")
            raise typer.Exit(1)

    with_client(redis_url, act)


def _which(
    entries: Sequence[str] | None, shop: str | None, error_class: str | None, since: str | None, *, everything: bool
) -> Which:
    """Make the choice of letters that arguments and options name."""
    return Which(
        names=tuple(entries or ()), shop_id=shop, error_class=error_class, since_ms=moment_ms(since),
        everything=everything,
    )  # fmt: skip


def _reader(group: str | None, stream: str | None, error_class: str | None) -> tuple[str, str] | None:
    """Return stream and group if the options name a group, else None.

    Raises:
        InvalidArgument: the options don't go together.
    """
    if (group is None) != (stream is None):
        raise InvalidArgument("--group and --stream go together")
    if stream is None or group is None:
        return None
    if error_class is not None:
        raise InvalidArgument("events that a group gave up have no error class: leave --class out")
    return stream, group


async def _letters(
    client: SyncClient, shop: str | None, error_class: str | None, since_ms: int, reader: tuple[str, str] | None
) -> AsyncIterator[LetterDocument]:
    if reader:
        async for given_up in (await client.open_group_dead(*reader)).all(shop, since_ms):
            yield _given_up(given_up)
        return
    letters = await client.open_dead_letters()
    async for letter in letters.all(shop, error_class, since_ms):
        yield _document(letter, letters.name(letter))


def _nothing(shop: str | None, error_class: str | None, since: str | None, group: str | None) -> str:
    """Say that there are no letters, and of which choice: a misspelt one looks the same."""
    options = {"shop": shop, "class": error_class, "since": since, "group": group}
    chosen = [f"--{name} {show_value(value)}" for name, value in options.items() if value is not None]
    return f"no dead letters with {' '.join(chosen)}" if chosen else "no dead letters"


async def _count_letters(
    letters: AsyncIterator[LetterDocument], limit: int, *, nothing: str, json: bool = False
) -> None:
    found: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], str] = {}
    async for record in letters:
        key = str(record["error_class"]), str(record["shop_id"] or "")
        found[key] += 1
        newest[key] = max(newest.get(key, ""), str(record["time"] or ""))
    if json:
        for (error_class, shop), count in found.most_common(limit or None):
            newest_time = newest[error_class, shop] or None
            print_json(LetterCount(error_class=error_class, shop_id=shop or None, letters=count, newest=newest_time))
        return
    if not found:
        warn(nothing)
        return
    print_row(("class", 22), ("shop", 21), ("letters", 8), ("newest", 19), head=True)
    for (error_class, shop), count in found.most_common(limit or None):
        print_row((error_class, 22), (shop, 21), (count, 8), (newest[error_class, shop][:19], 19))
    warn(f"{found.total()} letters; --each lists them, --class and --shop choose")


_COLUMNS: Final = ("entry", "shop_id", "kind", "id", "error_class", "attempts", "time", "message")


def _show_one(letter: LetterDocument) -> None:
    """Print one letter: a line with tabs for programs, two lines of at most 80 columns and the message for people."""
    if not is_terminal():
        print_row(*((letter.get(name), 0) for name in _COLUMNS))
        return
    # Letters quote text of other programs: printed as text, never as markup.
    tries = f"{letter['error_class']}, tried {letter['attempts']} times, {str(letter['time'])[:19]}"
    say(f"{letter['entry']}  {tries}")
    say(f"  shop {letter['shop_id']}  {letter['kind']} {letter['id']}")
    width = max(40, get_terminal_size().columns)
    for line in textwrap.wrap(str(letter["message"]), width, initial_indent="  ", subsequent_indent="  "):
        say(line)


def _document(letter: Event, name: str) -> LetterDocument:
    more = {"entry": name, "cause": letter.causation_id, "time": letter.time, "shop_id": letter.shop_id}
    empty = dict.fromkeys(("kind", "id", "error_class", "attempts", "message"))
    data = {key: value for key, value in (empty | dict(letter.data)).items() if key not in more}
    return cast("LetterDocument", more | data)


def _given_up(one: GivenUp) -> LetterDocument:
    event = one.event
    return {
        "entry": one.name,
        "cause": event.causation_id if event else None,
        "time": event.time if event else None,
        "shop_id": one.shop_id,
        "kind": event.name if event else None,
        "id": event.subject if event else None,
        "error_class": "given_up",
        "attempts": one.deliveries,
        "message": one.reason,
        "stream_entry": one.entry_id,
        "data": dict(event.data) if event else None,
    }
