"""List the routes of the HTTP API, for the private port."""

from aiohttp import web

from gateway.door import Door


def api_routes(door: Door) -> list[web.RouteDef]:
    """List the routes."""
    del door
    return []
