"""List the routes of consent, for the public port."""

from functools import partial

from aiohttp import web

from gateway.consent.consent_steps import begin_consent, finish_consent
from gateway.door import Door


def consent_routes(door: Door) -> list[web.RouteDef]:
    """List the routes. HEAD is not among them: a mere look at a link must not use a code up."""
    return [
        web.get("/connect/{token}", partial(begin_consent, door), allow_head=False),
        web.get("/oauth/callback", partial(finish_consent, door), allow_head=False),
    ]
