"""Ask one server one question, on a connection of its own."""

from collections.abc import Sequence
from typing import Any, Final

from shopstream.redis.urls.host_list import Address

ASK_SECONDS: Final = 0.5
"""Seconds for one server to accept a connection and to answer. Then the next one is asked."""


def make_asking(kind: type[Any], options: dict[str, Any], node: Address, **own: Any) -> Any:
    """Make a connection for one question. It is rare, and nothing is left to be closed."""
    waits = {"socket_timeout": ASK_SECONDS, "socket_connect_timeout": ASK_SECONDS}
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    return kind(host=node[0], port=node[1], **(tls | waits | own | {"protocol": 2}))


async def ask_for_slots(kind: type[Any], options: dict[str, Any], node: Address) -> Sequence[Any]:
    """Ask a node of a cluster for the slots of all nodes."""
    login = {name: options[name] for name in ("username", "password") if name in options}
    connection = make_asking(kind, options, node, **login)
    try:
        await connection.connect()
        await connection.send_command("CLUSTER", "SLOTS")
        answer: Sequence[Any] = await connection.read_response()
    finally:
        await connection.disconnect(nowait=True)
    return answer
