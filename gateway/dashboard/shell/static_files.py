"""Serve style, script and icon. Their names are a fixed list, so no path leads anywhere else."""

from typing import Final

from aiohttp import web

from gateway.dashboard.shell.templating import HEADERS, STATIC, version_of

_TYPES: Final = {
    "dashboard.css": "text/css",
    "details.css": "text/css",
    "dashboard.js": "text/javascript",
    "idiomorph.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_KEPT: Final = "public, max-age=31536000, immutable"
"""For a URL with the file's digest. Any other URL of it is asked for again each time."""


async def serve_file(request: web.Request) -> web.StreamResponse:
    """Serve one of the files."""
    name = request.match_info["name"]
    if name not in _TYPES:
        raise web.HTTPNotFound(headers=HEADERS)
    version = version_of(name)
    tag = f'"{version}"'
    kept = _KEPT if request.query.get("v") == version else "no-cache"
    headers = HEADERS | {"Cache-Control": kept, "ETag": tag}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    body = (STATIC / name).read_bytes()
    response = web.Response(body=body, content_type=_TYPES[name], charset="utf-8", headers=headers)
    response.enable_compression()
    return response
