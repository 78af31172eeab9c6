"""`shopstream setup`: make the secrets of a new deployment."""

import re
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from shopstream.cli.output.operation_documents import SetupDocument
from shopstream.cli.terminal import Json, is_terminal, print_json, say, warn
from shopstream.setup.deployment_files import FOLDER, App, HalfDone, make_files

_PLAIN: Final = re.compile(r"[!-~]{1,200}")
_PLACE: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:]{2,45}\]):[0-9]{1,5}")
_NEXT: Final = (
    "Next:",
    "  docker compose up -d              Valkey with the passwords above, a worker, a gateway",
    "  docker compose exec worker shopstream doctor",
    "  docs/own-shop.md                  an app at Partner Center, consents, webhooks; without Docker too",
)


def setup(
    *,
    folder: Annotated[Path, typer.Option(help=f"Folder for `.env` and {FOLDER}/.")] = Path(),
    app_key: Annotated[
        str, typer.Option(envvar="SHOPSTREAM_APP_KEY", help="App key, from Partner Center; asked for if it is missing.")
    ] = "",
    service_id: Annotated[
        str, typer.Option(envvar="SHOPSTREAM_SERVICE_ID", help="The app's service id, for consents.")
    ] = "",
    redis: Annotated[str, typer.Option(help="HOST:PORT of Redis, as workers and gateways reach it.")] = "valkey:6379",
    json: Json = False,
) -> None:
    """Make `.env` and the secrets of a new deployment: users of Redis, token key, token of the dashboard.

    The app secret is read from the terminal, or as a line of standard input. No file that is there is changed.
    """
    key = app_key or (typer.prompt("App key") if is_terminal() else "")
    if not _PLAIN.fullmatch(key):
        _refuse("no app key: pass --app-key, from Partner Center, App & Service > your app")
    if service_id and not _PLAIN.fullmatch(service_id):
        _refuse("the service id has characters that no id has")
    if not _PLACE.fullmatch(redis) or not 0 < int(redis.rpartition(":")[2]) < 65_536:
        _refuse("--redis must be HOST:PORT, as valkey:6379 or 127.0.0.1:6379")
    secret = _read_secret(folder)
    try:
        written = make_files(folder, App(key=key, secret=secret, service_id=service_id, redis=redis))
    except HalfDone as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"{error.filename or folder}: {error.strerror}")
    if json:
        print_json(SetupDocument(made=[str(path) for path in written.made], kept=[str(path) for path in written.kept]))
        return
    for path in written.made:
        say(f"made  {path}")
    for path in written.kept:
        say(f"kept  {path}")
    for line in _NEXT:
        say(line)


def _read_secret(folder: Path) -> str:
    if (folder / FOLDER / "app_secret").exists():
        return ""
    interactive = sys.stdin.isatty()
    secret = typer.prompt("App secret", hide_input=True) if interactive else sys.stdin.readline().strip()
    if not _PLAIN.fullmatch(secret):
        _refuse("no app secret: type it at the terminal, or give it as a line of standard input")
    return str(secret)


def _refuse(text: str) -> None:
    warn(text, "red")
    raise typer.Exit(1)
