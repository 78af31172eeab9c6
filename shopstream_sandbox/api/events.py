"""The Event API: a shop's webhook subscriptions."""

import json
from typing import Any, Final
from urllib.parse import urlsplit

from shopstream_sandbox.api.answers import document
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.refusal.refusals import invalid, missing
from shopstream_sandbox.webhook.subscriptions import DESCRIBED, TYPES
from shopstream_sandbox.world import World

_LONGEST: Final = 255


def subscriptions(world: World, shop: Shop, app_key: str, method: str, body: bytes) -> bytes:
    """Give `data` of `GET`, `PUT` or `DELETE /event/202309/webhooks`."""
    known = world.webhooks.subscriptions(app_key)
    if method == "GET":
        rows = [one.document() for one in known.of(shop.id)]
        return json.dumps({"webhooks": rows, "total_count": len(rows)}).encode()
    asked = document(body)
    event = _event(world, asked)
    if method == "PUT":
        known.put(shop.id, event, _address(world, asked), world.now())
    else:
        known.remove(shop.id, event)
    return b"{}"


def _event(world: World, asked: dict[str, Any]) -> str:
    """Read the event. Raises 36009004."""
    event = _text(asked, "event_type")
    described = event in DESCRIBED
    if not described and (world.webhooks.options.events == "described" or event not in TYPES.values()):
        raise invalid("event_type is not one of the known ones")
    return event


def _address(world: World, asked: dict[str, Any]) -> str:
    """Read the address. Raises 36009004."""
    address = _text(asked, "address")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise invalid("address is no URL") from None
    if len(address) > _LONGEST:
        raise invalid(f"address must have {_LONGEST} characters or fewer")
    if parts.scheme not in {"http", "https"} or not host:
        raise invalid("address must be a URL of http or https")
    is_domain = port is None and ":" not in host and not host.replace(".", "").isdigit()
    if world.webhooks.options.address == "https" and not (parts.scheme == "https" and is_domain):
        raise invalid("address must be https, on a domain and without a port")
    return address


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if value is None or value == "":
        raise missing(name)
    if not isinstance(value, str):
        raise invalid(f"{name} must be a string")
    return value
