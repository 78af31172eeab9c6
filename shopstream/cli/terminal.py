"""Share parts between commands: options, `.env`, the two consoles, rows and JSON lines, and errors in one line."""

import asyncio
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import orjson
import typer
from dotenv import dotenv_values
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from rich.console import Console

from shopstream.client import SyncClient
from shopstream.errors import ShopstreamError
from shopstream.ids import InvalidArgument, show
from shopstream.redis.passing import AWAY

T = TypeVar("T")
out = Console()
err = Console(stderr=True)

Url = Annotated[
    str, typer.Option("--redis-url", envvar="SHOPSTREAM_REDIS_URL", help="URL of the workers' Redis.", show_envvar=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document a line, for programs.")]
DEFAULT_URL = "redis://127.0.0.1:6379/0"
_PREFIX: Final = "SHOPSTREAM_"
_AGO: Final = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_PIPE_GONE: Final = 141
"""Exit code of a program that SIGPIPE ended."""


def read_env_file() -> None:
    """Read settings from `.env` of the working directory. The environment takes precedence.

    The worker reads it by the same package, and also accepts names in small letters.
    """
    for name, value in dotenv_values(".env").items():
        if name.upper().startswith(_PREFIX) and value is not None:
            os.environ.setdefault(name.upper(), value)


def print_json(document: object) -> None:
    """Print one JSON line on standard output. A dataclass prints as an object of its fields."""
    typer.echo(orjson.dumps(document).decode())


def print_row(*cells: tuple[object, int], head: bool = False) -> None:
    """Print one line of cells, each a value and its width in columns.

    A terminal gets padded cells. Other outputs get tabs between the cells, and no headline. No cell is cut off, and its
    text never counts as markup.
    """
    texts = [" ".join(str("" if cell is None else cell).split()) for cell, _ in cells]
    if out.is_terminal:
        typer.echo(" ".join(f"{text:<{width}}" for text, (_, width) in zip(texts, cells, strict=True)).rstrip())
    elif not head:
        typer.echo("\t".join(texts))


def moment_ms(written: str | None) -> int:
    """Convert `30m`, `12h` or `7d` ago, or an RFC 3339 time with its zone, to Unix milliseconds; None to 0.

    Raises:
        InvalidArgument: the text is neither.
    """
    if written is None:
        return 0
    if ago := _AGO.fullmatch(written):
        return int((time.time() - int(ago[1]) * _SECONDS[ago[2]]) * 1000)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidArgument(
            f"a time is 30m, 12h or 7d ago, or 2026-01-31T12:00:00Z with its zone, not {show(written)}"
        )
    return int(moment.timestamp() * 1000)


def with_client(redis_url: str, act: Callable[[SyncClient], Awaitable[None]]) -> None:
    """Run `act` with a client that is closed afterwards."""

    async def work() -> None:
        async with SyncClient(redis_url) as client:
            await act(client)

    run(work())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command to its end. Print an error that a person can fix in one line, without a traceback.

    Raises:
        Exit: with 1 after such an error, 130 after Ctrl-C, and 141 after the reader of the output has ended.
    """
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # The reader has ended, as in `| head -1`. Python would fail again in its last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_PIPE_GONE) from None
    except (ShopstreamError, InvalidArgument) as error:
        message = str(error)
    except (RedisError, OSError) as error:
        message = _of_redis(error)
    except ValueError as error:
        message = f"invalid value: {error}"
    err.print(f"[red]{message}[/red]", soft_wrap=True, highlight=False)
    raise typer.Exit(1)


def _of_redis(error: Exception) -> str:
    if isinstance(error, AuthenticationError):
        return "Redis refused user or password: check --redis-url or SHOPSTREAM_REDIS_URL"
    if isinstance(error, NoPermissionError):
        return "this user of Redis lacks a right for this command: docs/operations.md lists the rights of each user"
    if isinstance(error, AWAY):
        return f"cannot connect to Redis ({type(error).__name__}): check --redis-url or SHOPSTREAM_REDIS_URL"
    word = str(error).split(" ", 1)[0] if isinstance(error, ResponseError) else type(error).__name__
    return f"Redis refused a command ({word}): check that it is the workers' Redis, and its log"
