"""Share parts between commands: options, `.env`, lines and rows of text, JSON lines, and errors in one line."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from shopstream.client import SyncClient

T = TypeVar("T")
Style = Literal["plain", "bold", "dim", "red", "yellow"]

_REDIS_URL: Final = "SHOPSTREAM_REDIS_URL"
_PREFIX: Final = "SHOPSTREAM_"
_SUFFIX: Final = "_FILE"
_faults: Final[dict[str, str]] = {}
"""Faults of the files that settings name, by setting."""


def _check_url(context: typer.Context, parameter: typer.CallbackParam, url: str) -> str:
    """Refuse to fall back on another Redis than the one that a file should have named."""
    source = context.get_parameter_source(parameter.name or "")
    if _REDIS_URL in _faults and getattr(source, "name", "") != "COMMANDLINE":
        warn(f"{_REDIS_URL}{_SUFFIX}: {_faults[_REDIS_URL]}", "red")
        raise typer.Exit(1)
    return url


Url = Annotated[
    str,
    typer.Option(
        "--redis-url", envvar=_REDIS_URL, help="URL of the workers' Redis.", show_envvar=True, callback=_check_url
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document a line, for programs.")]
App = Annotated[str, typer.Option("--app", metavar="NAME", help="The app, where there are several.")]
DEFAULT_URL = "redis://127.0.0.1:6379/0"
_CONTROLS: Final = {code: " " for code in (*range(32), *range(127, 160)) if code not in {9, 10}}
"""Characters that could steer a terminal: texts quote other programs."""
_PIPE_GONE: Final = 141
"""Exit code of a program that SIGPIPE ended."""
_WRONG_OPTION: Final = 2
"""Exit code for an option or argument that can't be meant: that of typer for those which it checks itself."""


def read_environment() -> None:
    """Read settings from `.env` of the working directory, and from the files that settings name.

    The environment takes precedence over `.env`. The worker reads it by the same package, and also accepts names in
    small letters. A file that can't be read is a fault of the command that needs it: `doctor` looks at all of them.
    """
    _read_env_file()
    if any(name.startswith(_PREFIX) and name.endswith(_SUFFIX) for name in os.environ):
        from shopstream.named_files import read_named_files

        found = read_named_files(os.environ)
        os.environ.update(found.values)
        _faults.update(found.faults)


def _read_env_file() -> None:
    if not os.path.exists(".env"):  # noqa: PTH110 - pathlib is loaded for this alone
        return
    from shopstream.named_files import choose_written, describe_env_fault, read_env_file

    try:
        os.environ.update(choose_written(read_env_file(), os.environ))
    except ImportError:
        sys.exit("the command line needs more packages: pip install 'shopstream[cli]'")
    except (UnicodeError, OSError) as error:
        sys.exit(describe_env_fault(error))


def say(text: str = "", style: Style = "plain") -> None:
    """Print a line on standard output. Styles reach terminals alone."""
    print_line(_paint(text, style))


def print_line(text: str) -> None:
    """Print a line on standard output as it is.

    Raises:
        Exit: with 1, after one line that says so, if the output takes no more, as on a full disk.
    """
    try:
        typer.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        _drop_output()
        warn(f"the output can't be written: {error.strerror}", "red")
        raise typer.Exit(1) from None


def _drop_output() -> None:
    """Have what is printed from here on go nowhere. Python would fail again in its last flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(text: str, style: Style = "plain") -> None:
    """Print a line on standard error."""
    typer.echo(_paint(text, style), err=True)


def _paint(text: str, style: Style) -> str:
    shown = text.translate(_CONTROLS)
    if style == "plain" or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return shown
    return typer.style(
        shown,
        bold=style == "bold" or None,
        dim=style == "dim" or None,
        fg=style if style in {"red", "yellow"} else None,
    )


def print_json(document: object) -> None:
    """Print one JSON line on standard output. A dataclass prints as an object of its fields."""
    import orjson

    print_line(orjson.dumps(document).decode())


def print_row(*cells: tuple[object, int], head: bool = False) -> None:
    """Print one line of cells, each a value and its width in columns.

    A terminal gets padded cells. Other outputs get tabs between the cells, and no headline. No cell is cut off, and its
    text never counts as markup.
    """
    texts = [" ".join(str("" if cell is None else cell).split()) for cell, _ in cells]
    if is_terminal():
        padded = " ".join(f"{text:<{width}}" for text, (_, width) in zip(texts, cells, strict=True))
        say(padded.rstrip(), "bold" if head else "plain")
    elif not head:
        say("\t".join(texts))


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows below a headline, each column as wide as its widest cell; see `print_row`."""
    widths = [max(len(str(row[at])) for row in (head, *rows)) for at in range(len(head))]
    print_row(*zip(head, widths, strict=True), head=True)
    for row in rows:
        print_row(*zip(row, widths, strict=True))


def is_terminal() -> bool:
    """Tell whether a person reads standard output."""
    return sys.stdout is not None and sys.stdout.isatty()  # None: it was closed before the start


def moment_ms(written: str | None) -> int:
    """Convert `30m`, `12h` or `7d` ago, or an RFC 3339 time with its zone, to Unix milliseconds; None to 0.

    Raises:
        InvalidArgument: the text is neither.
    """
    from datetime import datetime

    from shopstream.durations import parse_duration
    from shopstream.ids import InvalidArgument, show

    if written is None:
        return 0
    if (ago := parse_duration(written)) is not None:
        return int((time.time() - ago) * 1000)
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
    from shopstream.client import SyncClient

    async def work() -> None:
        async with SyncClient(redis_url) as client:
            await act(client)

    run(work())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command to its end. Print an error that a person can fix in one line, without a traceback.

    Raises:
        Exit: with 1 after such an error, 2 after an option or argument that can't be meant, 130 after Ctrl-C, and 141
            after the reader of the output has ended.
    """
    import asyncio
    import gc

    from redis.exceptions import RedisError

    from shopstream.errors import ShopstreamError
    from shopstream.ids import InvalidArgument

    # What was imported stays until the end. From here on there may be garbage: `main` has turned its collection off.
    gc.freeze()
    gc.enable()
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        _drop_output()  # the reader has ended, as in `| head -1`
        raise typer.Exit(_PIPE_GONE) from None
    except InvalidArgument as error:
        code, message = _WRONG_OPTION, str(error)
    except (ShopstreamError, RedisError, OSError) as error:
        code, message = 1, describe_redis_error(error)
    except ValueError as error:  # of a URL; classes of its own are of what was read
        code, message = _WRONG_OPTION if type(error) is ValueError else 1, f"invalid value: {error}"
    warn(message, "red")
    raise typer.Exit(code)


def describe_redis_error(error: Exception) -> str:
    """Describe an error of Redis or of ours in one line with its remedy, without a password that its text may hold."""
    from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, ReadOnlyError, ResponseError

    from shopstream.errors import NodeOfCluster, NotRedis, ShopstreamError
    from shopstream.redis.cluster.cluster_errors import name_server
    from shopstream.redis.passing import AWAY, passes

    if isinstance(error, ShopstreamError):
        return str(error)
    for kind in (NotRedis, NodeOfCluster):
        if kind.fits(error):
            return str(kind())
    who = name_server(error)
    look = "check --redis-url or SHOPSTREAM_REDIS_URL" if who == "Redis" else "is it running? Its replica may take over"
    named: dict[type[Exception] | tuple[type[Exception], ...], str] = {
        AuthenticationError: f"{who} refused user or password: check --redis-url or SHOPSTREAM_REDIS_URL",
        NoPermissionError: f"this user of {who} lacks a right for this command: docs/operations.md lists the rights of"
        " each user",
        AWAY: f"cannot connect to {who} ({type(error).__name__}): {look}",
        OutOfMemoryError: "Redis is full and takes no writes: raise its maxmemory, docs/size.md has the numbers",
        ReadOnlyError: "this Redis is a replica and takes no writes: check --redis-url or SHOPSTREAM_REDIS_URL",
    }
    for kinds, text in named.items():
        if isinstance(error, kinds):
            return text
    # redis-py takes the first word away from errors that have a class of their own.
    word = str(error).split(" ", 1)[0] if type(error) is ResponseError else type(error).__name__
    if passes(error):
        return f"Redis refuses commands at present ({word}): try again, and see its log if that goes on"
    return f"Redis refused a command ({word}): check that it is the workers' Redis, and its log"
