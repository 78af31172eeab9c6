"""Bad webhooks: forged, repeated, too large, endless, slow, encoded, and signed nonsense, each with its due answer.

Any of them may be sent many times, to several gateways at once.
"""

import asyncio
import gzip
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final
from urllib.parse import urlsplit

from tests.chaos.tools.proxy import Cut, Link
from tests.gateway.process import Gateway, sign

FORGED_UNITS: Final = 987_654
"""A number that no SKU has: an event with it came of a forged push."""
BODY_MOST: Final = 65_536
_HEAD: Final = b"POST /webhooks/tiktok HTTP/1.1\r\nHost: x\r\n"
_AT_ONCE: Final = 40
_DRIP_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 120
_DEPTH: Final = 10_000

Send = Callable[[Gateway], Awaitable[int]]
"""Sends one bad request and gives the status of its answer."""


@dataclass(frozen=True)
class Attack:
    """One kind of bad request, with the status that it must get."""

    name: str
    status: int
    send: Send
    result: str = ""
    """The gateway's word for it; "" if it counts no webhook."""


@dataclass
class Kept:
    """A tap on the way to the gateway that keeps each push as it was sent, and cuts the first of one SKU off.

    The sender of that one has no answer, so it sends it again by its schedule.
    """

    cut_sku: str
    pushes: list[tuple[bytes, str]] = field(default_factory=list)
    """Bodies with their signatures."""
    cut: tuple[bytes, str] | None = None

    async def __call__(self, link: Link, data: bytes) -> bytes:
        """Keep what is whole, and pass everything on: see `Proxy`."""
        link.pending += data
        while (end := link.pending.find(b"\r\n\r\n")) >= 0:
            head = bytes(link.pending[:end]).decode().split("\r\n")[1:]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
            whole = end + 4 + int(headers["content-length"])
            if len(link.pending) < whole:
                break
            push = bytes(link.pending[end + 4 : whole]), headers["authorization"]
            del link.pending[:whole]
            if self.cut is None and self.cut_sku.encode() in push[0]:
                self.cut = push
                raise Cut
            self.pushes.append(push)
        return data


def forge(secret: str, app_key: str, pushed: bytes) -> list[Attack]:
    """A push of a true SKU with a wrong number, signed in each wrong way."""

    def body() -> bytes:
        document = json.loads(pushed)
        document["tts_notification_id"] = str(random.randrange(10**18, 10**19))  # noqa: S311 - no secret
        document["timestamp"] = int(time.time())
        data = document["data"]
        data["event_id"] = document["tts_notification_id"]
        data["occurred_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
        data["quantity_snapshot_after_change"]["total_available_quantity"] = FORGED_UNITS
        return json.dumps(document).encode()

    ways: dict[str, Callable[[bytes], str]] = {
        "of another secret": lambda raw: sign(raw, "another", app_key),
        "of another app": lambda raw: sign(raw, secret, "another"),
        "of another body": lambda _: sign(pushed, secret, app_key),
        "without the app key": lambda raw: sign(raw, secret, ""),
        "in capitals": lambda raw: sign(raw, secret, app_key).upper(),
        "cut short": lambda raw: sign(raw, secret, app_key)[:-1],
        "empty": lambda _: "",
        "with a word before": lambda raw: f"Bearer {sign(raw, secret, app_key)}",
    }

    def attack(name: str, way: Callable[[bytes], str]) -> Attack:
        async def send(door: Gateway) -> int:
            return await door.post(raw := body(), way(raw))

        return Attack(f"signature {name}", 401, send, "bad_signature")

    return [attack(name, way) for name, way in ways.items()]


def oversize(secret: str, app_key: str, pushed: bytes) -> list[Attack]:
    """Bodies that are too large, endless, encoded or slow."""
    large = pushed[:-1] + b" " * (BODY_MOST + 1 - len(pushed)) + b"}"
    encoded = gzip.compress(pushed)
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"

    async def send_large(door: Gateway) -> int:
        return await door.post(large, sign(large, secret, app_key))

    async def send_huge(door: Gateway) -> int:
        return await _send_raw(door, _HEAD + b"Content-Length: 10485760\r\n\r\n", cycle([chunk]))

    async def send_endless(door: Gateway) -> int:
        return await _send_raw(door, _HEAD + b"Transfer-Encoding: chunked\r\n\r\n", cycle([chunk]))

    async def send_encoded(door: Gateway) -> int:
        return await door.post(encoded, sign(encoded, secret, app_key), **{"Content-Encoding": "gzip"})

    return [
        Attack("65,537 bytes", 413, send_large, "too_large"),
        Attack("10 MiB", 413, send_huge, "too_large"),
        Attack("chunked without end", 413, send_endless, "too_large"),
        Attack("encoded", 415, send_encoded),
    ]


async def send_slowly(door: Gateway) -> int:
    """Send a byte a second of a body of 100."""
    return await _send_raw(door, _HEAD + b"Content-Length: 100\r\n\r\n", cycle([b"x"]), _DRIP_SECONDS)


SLOW: Final = Attack("a byte a second", 408, send_slowly)


def garble(secret: str, app_key: str, pushed: bytes) -> list[Attack]:
    """Bodies that are signed and useless."""

    def change(name: str, value: object) -> bytes:
        document: dict[str, Any] = json.loads(pushed)
        document["data"] |= {"event_id": f"x-{random.randrange(10**18)}"}  # noqa: S311 - no secret
        (document["data"] if name in document["data"] else document)[name] = value
        document["tts_notification_id"] = document["data"]["event_id"]
        return json.dumps(document).encode()

    bodies: dict[str, tuple[str, Callable[[], bytes]]] = {
        "no JSON": ("malformed", lambda: b"\xff{"),
        "an array": ("malformed", lambda: b"[]"),
        "a number": ("malformed", lambda: b"1"),
        "nested": ("malformed", lambda: b'{"type":68,"data":' + b"[" * _DEPTH + b"]" * _DEPTH + b"}"),
        "type as text": ("malformed", lambda: change("type", "15")),
        "id with a path": ("malformed", lambda: change("sku_id", "../x")),
        "product with a path": ("malformed", lambda: change("product_id", "../x")),
        "seller with a path": ("malformed", lambda: change("seller_id", "../x")),
        "an unknown type": ("unknown_type", lambda: change("type", 999)),
        "an unknown shop": ("unknown_shop", lambda: change("seller_id", "7999999999999999999")),
    }  # fmt: skip

    def attack(name: str, result: str, body: Callable[[], bytes]) -> Attack:
        async def send(door: Gateway) -> int:
            return await door.post(raw := body(), sign(raw, secret, app_key))

        return Attack(f"signed, {name}", 200, send, result)

    return [attack(name, result, body) for name, (result, body) in bodies.items()]


async def attack_all(doors: Sequence[Gateway], attacks: Sequence[Attack], number: int) -> list[str]:
    """Send each attack so many times, in turn to all gateways, and list those with another answer than their own."""
    room, wrong = asyncio.Semaphore(_AT_ONCE), list[str]()

    async def one(attack: Attack, door: Gateway) -> None:
        async with room:
            status = await attack.send(door)
        if status != attack.status:
            wrong.append(f"{attack.name}: {status}")

    turns = [(attack, doors[turn % len(doors)]) for turn in range(number) for attack in attacks]
    await asyncio.gather(*(one(attack, door) for attack, door in turns))
    return wrong


def repeat(push: tuple[bytes, str]) -> Attack:
    """One push as it was sent before."""

    async def send(door: Gateway) -> int:
        return await door.post(*push)

    return Attack("a repeat", 200, send, "repeated")


async def _send_raw(door: Gateway, head: bytes, parts: Iterator[bytes], pause: float = 0) -> int:
    """Send a head, and then parts until there is an answer."""
    url = urlsplit(door.public)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    answer = asyncio.create_task(reader.readline())
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            writer.write(head)
            while not answer.done():
                with suppress(OSError):  # refused in the middle: the answer has been sent before
                    writer.write(next(parts))
                    await writer.drain()
                await asyncio.wait({answer}, timeout=pause)
            return int((await answer).split()[1])
    finally:
        answer.cancel()
        writer.close()


async def count_webhooks(doors: Sequence[Gateway]) -> Counter[str]:
    """Add up the webhooks of all gateways by result."""
    found = Counter[str]()
    for door in doors:
        for results in (await door.counted()).values():
            found.update(results)
    return found
