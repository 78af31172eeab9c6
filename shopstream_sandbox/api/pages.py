"""The seller's consent page, which TikTok has on a host of its own."""

from aiohttp import web

from shopstream_sandbox.api.calls import WORLD


async def authorize(request: web.Request) -> web.Response:
    """Answer `GET /open/authorize?service_id=…&state=…`: lead back with a code, or with the seller's refusal."""
    try:
        back = request.app[WORLD].consents.way_back(request.query)
    except ValueError as error:
        return web.Response(status=400, text=f"{error}\n")
    return web.Response(status=302, headers={"Location": back})
