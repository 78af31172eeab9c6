"""Write the pages that a seller sees. Every text in them is escaped, whoever wrote it."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from aiohttp import web

_STYLE: Final = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark;"
    "overflow-wrap:anywhere}h1{font-size:1.5rem;line-height:1.25}li{margin:.4rem 0}"
)
_STYLE_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
"""Headers of every answer of this package, since its URLs carry codes and invites."""


@dataclass(frozen=True, slots=True)
class SellerPage:
    """A page for a seller, as plain text.

    Attributes:
        status: the HTTP status.
        title: one sentence, the outcome.
        paragraphs: the reason, and the next step.
        items: a list between the first paragraph and the others.
    """

    status: int
    title: str
    paragraphs: Sequence[str]
    items: Sequence[str] = ()


def render(page: SellerPage) -> web.Response:
    """Render a page with the headers that keep its URL and its texts harmless."""
    first, *others = [f"<p>{escape(text)}</p>" for text in page.paragraphs]
    items = "".join(f"<li>{escape(item)}</li>" for item in page.items)
    title = escape(page.title)
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{title}</h1>"
        f"{first}{f'<ul>{items}</ul>' if items else ''}{''.join(others)}</main></body></html>\n"
    )
    return web.Response(status=page.status, text=body, content_type="text/html", charset="utf-8", headers=HEADERS)


LINK_CLOSED: Final = SellerPage(
    404,
    "This link is not open.",
    ["It was used, it is too old, or a part of it is missing.", "Ask for a new link."],
)
NOT_SET_UP: Final = SellerPage(
    503,
    "This consent can't begin yet.",
    ["The gateway does not know the app's service id.", "Tell the person who sent you the link."],
)
DENIED: Final = SellerPage(
    200,
    "You have denied the consent.",
    ["Nothing of your shops was read.", "If that was a mistake, open your link again: it is still good."],
)
TIKTOK_ERROR: Final = SellerPage(
    502,
    "TikTok ended the consent with an error.",
    ["Nothing of your shops was read.", "Open your link again: it is still good."],
)
NOT_BEGUN_HERE: Final = SellerPage(
    403,
    "This consent was not begun by a link of ours, in this browser.",
    [
        "It is not used, and nothing of your shops was read. A consent counts once, within 30 minutes after the click.",
        "Open your link again, in one browser, or ask for a new link.",
    ],
)
REFUSED: Final = SellerPage(
    502,
    "TikTok did not complete the consent.",
    ["Your shops could not be listed.", "Open your link again in a minute: it is still good."],
)
UNAVAILABLE: Final = SellerPage(
    503,
    "The consent can't be completed at the moment.",
    ["Something on our side is not running.", "Open your link again in some minutes: it is still good."],
)


def held(name: str) -> SellerPage:
    """Make the page of a consent that waits for an operator's yes."""
    return SellerPage(
        403,
        "This consent waits for a person's yes.",
        [
            f"It was not begun by a link of ours. Its number is {name}: tell it to the person whom you deal with.",
            "Without a yes within 25 minutes it is not used.",
        ],
    )
