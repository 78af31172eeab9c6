"""Run the command: print one JSON line with all that is needed to use the sandbox, and answer until SIGTERM."""

import argparse
import asyncio
import math
import signal
import sys
from urllib.parse import urlsplit

import orjson
import uvloop
from aiohttp import web

from shopstream_sandbox.api import calls, pages
from shopstream_sandbox.control import door
from shopstream_sandbox.world import World


def application(world: World) -> web.Application:
    """The server: the token host, the control calls, and everything else as TikTok's API."""
    app = web.Application()
    app[calls.WORLD] = world
    app.router.add_get("/api/v2/token/{kind}", calls.token)
    app.router.add_get("/open/authorize", pages.authorize)
    door.add_to(app)
    app.router.add_route("*", "/{path:.*}", calls.call)
    app.on_shutdown.append(_close)
    return app


async def _close(app: web.Application) -> None:
    await app[calls.WORLD].close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("shopstream-sandbox", description="A TikTok Shop to run against.")
    parser.add_argument("--host", default="127.0.0.1", help="anything else than the loopback opens the control calls")
    parser.add_argument("--port", type=_port, default=8200, help="0: any free one")
    parser.add_argument("--shops", type=_positive, default=3)
    parser.add_argument("--shops-per-seller", type=_positive, default=1, help="shops that one authorization covers")
    parser.add_argument("--products", type=_positive, default=500, help="in each shop")
    parser.add_argument(
        "--quota", type=_above_zero, help="hidden: calls per second of a shop and endpoint; none by default"
    )
    parser.add_argument("--apps", type=_positive, default=1, help="apps that sellers can consent to")
    parser.add_argument("--token-life", type=_above_zero, default=7 * 86_400, help="seconds that an access token lives")
    parser.add_argument("--frozen", action="store_true", help="some products are frozen: listed, but without a detail")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--webhook-url", type=_url, help="pushes notifications of all shops and events there")
    parser.add_argument("--redirect-url", type=_url, help="leads sellers there from the consent page")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    return parser.parse_args()


class _Version(argparse.Action):
    """Print the installed version. Its import takes longer than the rest of the options, so it comes when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib import metadata  # noqa: PLC0415 - as above

        try:
            version = metadata.version("shopstream-sandbox")
        except metadata.PackageNotFoundError:
            version = "of a checkout"
        sys.stdout.write(f"shopstream-sandbox {version}\n")
        parser.exit()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return number


def _above_zero(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError("more than 0")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:  # uvloop takes the rest of 65,536
        raise argparse.ArgumentTypeError("0 to 65535")
    return number


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise argparse.ArgumentTypeError("a URL of http or https")
    return text


async def _serve(asked: argparse.Namespace) -> None:
    world = World(
        shops=asked.shops,
        products=asked.products,
        seed=asked.seed,
        per_seller=asked.shops_per_seller,
        quota=asked.quota,
        token_life=asked.token_life,
        frozen=asked.frozen,
        apps=asked.apps,
        open_control=asked.host not in {"127.0.0.1", "localhost", "::1"},
    )
    world.consents.redirect_url = asked.redirect_url
    world.webhooks.options.turn({"url": asked.webhook_url})
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.AppRunner(application(world), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, asked.host, asked.port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        sys.exit(f"shopstream-sandbox: cannot listen on {asked.host}:{asked.port}: {error.strerror}")
    port = runner.addresses[0][1]
    host = "127.0.0.1" if asked.host == "0.0.0.0" else asked.host  # noqa: S104 - compared, not bound
    host = f"[{host}]" if ":" in host else host
    sys.stdout.write(orjson.dumps(world.introduction(f"http://{host}:{port}")).decode() + "\n")
    sys.stdout.flush()
    await stopped.wait()
    await runner.cleanup()


def main() -> None:
    """Run the command."""
    uvloop.run(_serve(_arguments()))


if __name__ == "__main__":
    main()
