"""A system to try things on: `make playground`. A sandbox TikTok Shop, a worker, a gateway, a Valkey; until Ctrl-C.

It prints what another terminal needs, a dashboard, and six commands to begin with. Nothing of it is left at the end.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import aiohttp

from examples.stand import Failed, interruptible, stand, started
from shopstream import SyncClient

SHOPS, PRODUCTS = 3, 100


async def play(folder: Path) -> None:
    """Start everything, authorize the sellers, say what to try, and stay."""
    async with (
        stand(folder, shops=SHOPS, products=PRODUCTS, workers=1) as running,
        SyncClient(running.redis_url) as client,
    ):
        await started(client)
        for code in running.shop_front["auth_codes"]:
            for shop in await client.authorize(code, timeout=15):
                say(f"authorized {shop.name} ({shop.region}, shop {shop.shop_id})")
        shop = running.shop_front["shops"][0]["shop_id"]
        url = running.shop_front["url"]
        async with aiohttp.ClientSession() as control:
            await control.post(f"{url}/_sandbox/webhooks", json={"url": running.webhooks})
        say(
            "",
            "In another terminal, in this folder:",
            "",
            f"  export SHOPSTREAM_REDIS_URL={running.redis_url}",
            '  export PATH="$PWD/.venv/bin:$PATH"',
            "",
            "  shopstream shops                       # who is authorized, and how fresh each shop is",
            "  shopstream tail stock                  # events as they come; leave it running",
            f'  curl -s {url}/_sandbox/stock -d \'{{"shop_id": "{shop}", "random": 5}}\'   # stock changes, pushed',
            f"  shopstream sync stock {shop}   # have the shop's stock looked at now",
            f"  shopstream snapshot {shop}     # all that is known of it",
            "  shopstream status                      # everything on one screen",
            "",
            f"In a browser: {running.dashboard}, log in with the token {running.token}",
            "",
            f"More control calls: shopstream_sandbox/README.md. Logs: {folder}. Ctrl-C ends it all.",
        )
        await asyncio.Event().wait()


def say(*lines: str) -> None:
    """Print lines at once, whoever reads them."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Give 0 after Ctrl-C, 1 if it could not be started."""
    with tempfile.TemporaryDirectory(prefix="shopstream-playground-") as folder:
        try:
            asyncio.run(interruptible(play(Path(folder))))
        except KeyboardInterrupt:
            say("ended; nothing is left running")
        except (Failed, TimeoutError) as failure:
            say(f"not as it should be: {failure or 'it took too long'}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
