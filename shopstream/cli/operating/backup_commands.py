"""`shopstream export` and `shopstream import`: back up what Redis alone has, and restore it."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from shopstream.backup.backup_file import write_whole
from shopstream.backup.exporting import Exported
from shopstream.backup.importing import Imported
from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, print_table, say, warn, with_client
from shopstream.client import SyncClient
from shopstream.errors import BackupRefused

_STREAM = "-"


def export_backup(
    file: Annotated[str, typer.Argument(help="The file to write; - for standard output.")],
    redis_url: Url = DEFAULT_URL,
    *,
    json: Json = False,
) -> None:
    """Write what Redis alone has to FILE: sealed tokens, shops, settings, pauses. Run it as the user worker.

    The file is for its owner alone, and is written whole or not at all. The tokens in it stay sealed by the token keys.
    """

    async def act(client: SyncClient) -> None:
        if file == _STREAM and sys.stdout is None:
            raise BackupRefused("standard output is closed, so the backup would go nowhere: name a file")
        if file == _STREAM:
            done = await client.export_backup(sys.stdout.buffer)
        else:
            with write_whole(Path(file)) as opened:
                done = await client.export_backup(opened)
        if file == _STREAM:
            warn(_describe(done))
        elif json:
            print_json(asdict(done))
        else:
            say(f"{_describe(done)} in {file}")
        if done.damaged:
            warn(f"{done.damaged} damaged records are left out: no worker can use them")

    with_client(redis_url, act)


def _describe(done: Exported) -> str:
    return f"{done.authorizations} authorizations, {done.shops} shops, {done.settings} settings, {done.sellers} sellers"


def import_backup(
    file: Annotated[str, typer.Argument(help="The file of an export; - for standard input.")],
    redis_url: Url = DEFAULT_URL,
    *,
    app_key: Annotated[
        str, typer.Option(envvar="SHOPSTREAM_APP_KEY", help="The key of the app whose authorizations it must have.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and write nothing.")] = False,
    json: Json = False,
) -> None:
    """Import FILE beside what Redis has, and have workers load its shops. Run it as the user worker.

    Nothing that is as new as the file, or newer, is replaced. Exit with 1 if something was refused.
    """

    async def act(client: SyncClient) -> None:
        with _open(file) as opened:
            done = await client.import_backup(opened, apps=[app_key], dry_run=dry_run)
        print_json({**asdict(done), "dry_run": dry_run}) if json else _show(done, dry_run=dry_run)
        if done.authorizations.refused or done.shops.refused:
            raise typer.Exit(1)

    with_client(redis_url, act)


def _show(done: Imported, *, dry_run: bool) -> None:
    say(f"backup of {done.made_at}" + (", nothing is written (--dry-run)" if dry_run else ""))
    rows = [
        (name, tally.taken, tally.kept, tally.refused)
        for name, tally in (
            ("authorizations", done.authorizations), ("shops", done.shops), ("settings", done.settings),
            ("sellers", done.sellers),
        )
    ]  # fmt: skip
    print_table(("", "taken", "kept", "refused"), rows)
    if done.paused:
        say("All shops were paused in the backup, and are paused now: shopstream resume")
    if done.authorizations.refused:
        warn("A worker is renewing the tokens of the refused authorizations: import again in a minute")
    if done.shops.refused:
        warn("The refused shops have no tokens, neither here nor in the backup: their sellers must consent again")
    if done.authorizations.taken and not dry_run:
        say("Sellers whose tokens were renewed after the backup must consent again; see: shopstream status")


@contextmanager
def _open(file: str) -> Iterator[BinaryIO]:
    """Open a backup that can be read several times. Standard input is copied to a file without a name before."""
    try:
        opened = _copy_input() if file == _STREAM else Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise BackupRefused(f"{file} can't be read: {error.strerror}") from None
    with opened:
        yield opened


def _copy_input() -> BinaryIO:
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed by its user
    shutil.copyfileobj(sys.stdin.buffer, copy)
    copy.seek(0)
    return copy
