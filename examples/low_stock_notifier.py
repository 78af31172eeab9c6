"""A message to a webhook when a SKU runs low, is sold out or restocked: `python examples/low_stock_notifier.py URL`.

The body is `{"text": …}`, as Slack and its like take it. An announced event is remembered by its id. Only after
a crash between telling and remembering can one come twice, with the same Idempotency-Key. No webhook answers: tried
again for ever, and nothing is lost.
"""

import asyncio
import os
import sys
from urllib.request import Request, urlopen

import orjson
from redis.asyncio import Redis

from shopstream import Event, EventConsumer

TRANSITIONS = {"low": "runs low", "sold_out": "is sold out", "restocked": "is back"}
WEEK = 7 * 86_400


def post(url: str, event: Event) -> None:
    """Send one line. Raises OSError unless the answer is a 2xx."""
    data = event.data
    left = data["available"] if data.get("in_shop") is None else data["in_shop"]
    text = f"{data['seller_sku'] or data['sku_id']} {TRANSITIONS[data['transition']]}: {left} left"
    headers = {"Content-Type": "application/json", "Idempotency-Key": event.id}
    with urlopen(Request(url, orjson.dumps({"text": text}), headers), timeout=10):  # noqa: S310 - the operator's URL
        print(text, flush=True)


async def tell(url: str, event: Event) -> None:
    """Try until the post is accepted, after 1 s, then each time twice as long, at most a minute."""
    pause = 1
    while True:
        try:
            return await asyncio.to_thread(post, url, event)
        except OSError as error:
            print(f"webhook: {error}; again in {pause} s", file=sys.stderr, flush=True)
        await asyncio.sleep(pause)
        pause = min(2 * pause, 60)


async def main(url: str) -> None:
    """From now on: a new group begins at the end of the stream."""
    redis_url = os.environ["SHOPSTREAM_REDIS_URL"]
    async with (
        Redis.from_url(redis_url) as redis,
        EventConsumer(redis_url, stream="stock", group="low-stock-notifier", start="$") as consumer,
    ):
        async for event in consumer:
            key = f"low-stock-notifier:told:{event.id}"
            if event.data.get("transition") in TRANSITIONS and not await redis.exists(key):
                await tell(url, event)
                await redis.set(key, 1, ex=WEEK)
            await event.ack()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
