"""Render templates: every text is escaped, and a name that is not there fails."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import jinja2

from shopstream.glance import wording

HERE: Final = Path(__file__).parent.parent
STATIC: Final = HERE / "static"
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every page. Without any referrer browsers would send `Origin: null` with our own forms."""

Facts = Mapping[str, object]


@cache
def version_of(name: str) -> str:
    """Give the digest of a static file, which its URL carries so that browsers may keep it for ever."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of all pages, compiled once."""

    _made: jinja2.Environment

    def render(self, name: str, facts: Facts) -> str:
        """Render a whole page."""
        return self._made.get_template(name).render(facts)

    async def render_aside(self, name: str, facts: Facts) -> str:
        """Render a page in a thread, so that webhooks don't wait for a large one."""
        return await asyncio.to_thread(self.render, name, facts)

    def render_fragments(self, name: str, fragments: tuple[str, ...], facts: Facts) -> dict[str, str]:
        """Render some blocks of a page: name → HTML. A block holds one element, whose id is the block's name."""
        template = self._made.get_template(name)
        found = {}
        for one in fragments:
            context = template.new_context(dict(facts))
            found[one] = "".join(template.blocks[one](context)).strip()
        return found


@cache
def load_templates() -> Templates:
    """Load the templates."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["version_of"] = version_of
    made.filters |= wording.FILTERS
    made.globals["parts"] = made.get_template("parts.html").module
    for name in made.list_templates():
        made.get_template(name)  # at the start: compiling takes time, and a fault shows at once
    return Templates(made)
