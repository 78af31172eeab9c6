"""What the commands share: options, the two consoles, JSON lines, and errors told in one line."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, TypeVar

import orjson
import typer
from redis.exceptions import RedisError
from rich.console import Console

from shopstream.client import SyncClient
from shopstream.errors import ShopstreamError
from shopstream.ids import InvalidId

T = TypeVar("T")
out = Console()
err = Console(stderr=True)

Url = Annotated[
    str, typer.Option("--redis-url", envvar="SHOPSTREAM_REDIS_URL", help="Redis of the workers.", show_envvar=True)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document a line, for programs.")]
DEFAULT_URL = "redis://127.0.0.1:6379/0"


def print_json(document: object) -> None:
    """One JSON line on standard output."""
    typer.echo(orjson.dumps(document).decode())


def with_client(redis_url: str, act: Callable[[SyncClient], Awaitable[None]]) -> None:
    """Run `act` with a client that is closed afterwards."""

    async def work() -> None:
        async with SyncClient(redis_url) as client:
            await act(client)

    run(work())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; what a person can mend is told in one line, without a traceback."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (ShopstreamError, InvalidId) as error:
        told = str(error)
    except (RedisError, OSError) as error:
        told = f"no Redis to be reached ({type(error).__name__}): check --redis-url or SHOPSTREAM_REDIS_URL"
    except ValueError as error:
        told = f"not a usable value: {error}"
    err.print(f"[red]{told}[/red]", soft_wrap=True, highlight=False)
    raise typer.Exit(1)
