"""Check what this machine reaches: TikTok's hosts by DNS and TLS, and the gateway's private port."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from shopstream.doctor.checks import Check, bad, ok, warn

SECONDS: Final = 3.0
"""The wait for a host."""
_HOSTS: Final = {
    "SHOPSTREAM_API_URL": "https://open-api.tiktokglobalshop.com",
    "SHOPSTREAM_AUTH_URL": "https://auth.tiktok-shops.com",
}
GATEWAY: Final = "SHOPSTREAM_GATEWAY_PRIVATE"


async def check_hosts(environment: Mapping[str, str]) -> list[Check]:
    """Check that TikTok's API host and its token host are reached, and show a certificate that is trusted."""
    urls = [environment.get(name) or default for name, default in _HOSTS.items()]
    return list(await asyncio.gather(*(_check_host(url) for url in dict.fromkeys(urls))))


async def _check_host(url: str) -> Check:
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme != "http"
    try:
        port = parts.port or (443 if secure else 80)
    except ValueError:
        return bad("TikTok's host", f"the port of {host} is none", "write https://HOST")
    name = f"host {host}"
    context = ssl.create_default_context() if secure else None
    try:
        async with asyncio.timeout(SECONDS):
            address = await _resolve(host, port)
            sent_name = host if context else None
            _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=sent_name)
    except socket.gaierror:
        return bad(name, "DNS knows no address of it", "check this machine's DNS")
    except ssl.SSLCertVerificationError:
        return bad(
            name, "its certificate is not trusted", "is there a proxy that ends TLS? Trust its CA: SSL_CERT_FILE"
        )
    except TimeoutError:
        return bad(name, f"no answer within {SECONDS:.0f} s", "check firewall and routes")
    except OSError as error:
        return bad(name, f"no connection ({type(error).__name__})", "check firewall and routes")
    writer.close()
    return ok(name, "reached, certificate trusted" if secure else "reached, without TLS")


async def _resolve(host: str, port: int) -> str:
    """Find an address of a host. The thread of a DNS that hangs holds up nothing, unlike asyncio's own."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def settle(address: str, error: OSError | None) -> None:
        if answer.cancelled():
            return
        if error:
            answer.set_exception(error)
        else:
            answer.set_result(address)

    def ask() -> None:
        try:
            address, error = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]), None
        except OSError as failed:
            address, error = "", failed
        with suppress(RuntimeError):  # the command has ended meanwhile
            loop.call_soon_threadsafe(settle, address, error)

    threading.Thread(target=ask, daemon=True).start()
    return await answer


async def check_gateway(environment: Mapping[str, str]) -> list[Check]:
    """Check that the gateway is ready, if this environment names its private port."""
    address = environment.get(GATEWAY)
    if not address:
        return []
    host, _, port = address.rpartition(":")
    name, remedy = "gateway", "look at its log; is it running? python -m gateway"
    if not host or not port.isdigit():
        return [bad(name, f"{GATEWAY} is no HOST:PORT", f"write {GATEWAY} as 127.0.0.1:8401")]
    reached = "127.0.0.1" if host in {"0.0.0.0", "[::]"} else host.strip("[]")  # noqa: S104 - a listener's address
    try:
        async with asyncio.timeout(SECONDS):
            status, reason = await _read_ready(reached, int(port))
    except (OSError, ValueError, TimeoutError) as error:
        return [bad(name, f"its private port was not reached ({type(error).__name__})", remedy)]
    if status == 200:
        return [ok(name, "ready")]
    return [warn(name, f"not ready ({status}): {reason}", remedy)]


async def _read_ready(host: str, port: int) -> tuple[int, str]:
    """Read the status and the first line of /readyz."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        answer = (await reader.read(65_536)).decode(errors="replace")
    finally:
        writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    line = body.strip().partition("\n")[0]
    return int(head.split(" ", 2)[1]) if head.count(" ") else 0, "".join(c if c.isprintable() else " " for c in line)[
        :120
    ]
