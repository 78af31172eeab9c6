"""`shopstream dead`: the ids given up, to be looked at, asked for again, or dropped."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from shopstream.cli_common import DEFAULT_URL, Json, Url, err, out, print_json, with_client
from shopstream.client import SyncClient
from shopstream.events import Event

app = typer.Typer(no_args_is_help=True, help="Ids given up: look, ask again, drop.")

Shop = Annotated[str | None, typer.Option("--shop", help="Only letters of this shop.")]
Class = Annotated[str | None, typer.Option("--class", help="Only this error class, as `list` shows it.")]
All = Annotated[bool, typer.Option("--all", help="All letters there are.")]
Entries = Annotated[list[str] | None, typer.Argument(metavar="[ENTRY]...", help="Entry ids, as `list` shows them.")]


@app.command("list")
def list_(redis_url: Url = DEFAULT_URL, *, shop: Shop = None, error_class: Class = None, json: Json = False) -> None:
    """List the dead letters, oldest first."""

    async def act(client: SyncClient) -> None:
        table = Table()
        for column in ("entry", "shop", "id", "class", "tries", "since", "message"):
            # An id that is cut off is worth nothing; a message may wrap.
            table.add_column(column, no_wrap=column != "message", overflow="fold")
        letters = await client.dead_letters()
        async for letter in client.dead(shop, error_class):
            if json:
                print_json(_document(letter, letters.name(letter)))
                continue
            data = letter.data
            row = (letters.name(letter), letter.shop_id, data.get("id"), data.get("error_class"), data.get("attempts"))
            # Letters quote what others sent: shown as text, never as markup.
            table.add_row(*(Text(str(cell)) for cell in (*row, letter.time[:19], data.get("message"))))
        if table.row_count:
            out.print(table)
        elif not json:
            err.print("no dead letters")

    with_client(redis_url, act)


@app.command()
def show(entry: str, redis_url: Url = DEFAULT_URL, *, json: Json = False) -> None:
    """Show one dead letter with all that it says."""

    async def act(client: SyncClient) -> None:
        letter = await client.dead_show(entry)
        document = _document(letter, entry)
        if json:
            print_json(document)
        else:
            for name, value in document.items():
                out.print(Text(f"{name:>16}  {'' if value is None else value}"), soft_wrap=True)

    with_client(redis_url, act)


@app.command()
def requeue(
    entries: Entries = None,
    redis_url: Url = DEFAULT_URL,
    *,
    shop: Shop = None,
    error_class: Class = None,
    everything: All = False,
    json: Json = False,
) -> None:
    """Ask for the ids of dead letters again, once the cause is mended."""

    async def act(client: SyncClient) -> None:
        done = await client.requeue(*entries or (), shop_id=shop, error_class=error_class, everything=everything)
        if json:
            print_json({"requeued": done.done, "refused": done.refused})
        else:
            out.print(f"asked again for {done.done} ids")
        for name, why in done.refused.items():
            err.print(f"[red]{name}[/red] stays: {why}", soft_wrap=True, highlight=False)
        if done.refused:
            raise typer.Exit(1)

    with_client(redis_url, act)


@app.command()
def drop(
    entries: Entries = None,
    redis_url: Url = DEFAULT_URL,
    *,
    shop: Shop = None,
    error_class: Class = None,
    everything: All = False,
    json: Json = False,
) -> None:
    """Remove dead letters; their ids are forgotten."""

    async def act(client: SyncClient) -> None:
        dropped = await client.drop(*entries or (), shop_id=shop, error_class=error_class, everything=everything)
        print_json({"dropped": dropped}) if json else out.print(f"dropped {dropped} letters")

    with_client(redis_url, act)


def _document(letter: Event, name: str) -> dict[str, Any]:
    more = {"entry": name, "cause": letter.causation_id}
    return more | {key: value for key, value in letter.data.items() if key not in more}
