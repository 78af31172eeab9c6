"""List the routes of consent, for the public port."""

from aiohttp import web

from gateway.door import Door


def consent_routes(door: Door) -> list[web.RouteDef]:
    """List the routes."""
    del door
    return []
