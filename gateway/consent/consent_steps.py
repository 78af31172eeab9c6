"""Begin a seller's consent by an invite, and complete it when TikTok sends the seller's browser back.

An authorization code is in the URL of the callback. It goes to a worker or is held, and into no log and no error.
"""

import re
from typing import Final

from aiohttp import web
from redis.exceptions import RedisError

from gateway.consent import html_pages as pages
from gateway.consent.next_steps import describe_connected
from gateway.door import Door
from shopstream import AuthorizationFailed, EmptyRedis, NoWorker, Shop
from shopstream.consents import held_consents, invites
from shopstream.enqueue.consent import write_app_code
from shopstream.registry.shop_of_apps import DEFAULT_APP

COOKIE: Final = "__Host-shopstream-connect"
_CODE: Final = re.compile(r"[!-~]{1,2048}")


async def begin_consent(door: Door, request: web.Request) -> web.Response:
    """Send the seller of an open invite to TikTok, with a state for TikTok and a cookie for the browser."""
    if not door.service_id and not door.apps:
        door.log.error("consent_not_set_up", advice="set SHOPSTREAM_SERVICE_ID")
        return pages.render(pages.NOT_SET_UP)
    try:
        begun = await invites.begin(door.redis, request.match_info["token"])
    except (RedisError, OSError) as error:
        return _unavailable(door, error)
    if begun is None:
        door.log.info("invite_not_open")
        return pages.render(pages.LINK_CLOSED)
    service_id = door.find_service_id(begun.app)
    if not service_id:
        door.log.error("consent_not_set_up", app=begun.app or DEFAULT_APP, advice="set SHOPSTREAM_SERVICE_ID for the"
                       " default app; in SHOPSTREAM_APPS it stands behind the secret")  # fmt: skip
        return pages.render(pages.NOT_SET_UP)
    url = invites.write_authorize_url(service_id, begun.state, us=begun.us, host=door.authorize_host)
    response = web.Response(status=303, headers={**pages.HEADERS, "Location": url})
    response.set_cookie(
        COOKIE, begun.cookie, max_age=invites.BEGUN_SECONDS, path="/", secure=True, httponly=True, samesite="Lax"
    )
    return response


async def finish_consent(door: Door, request: web.Request) -> web.Response:
    """Complete a consent that this browser has begun by an invite, and use up the invite.

    Any other code is refused, or held for an operator.
    """
    code, state, error = (_only(request, name) for name in ("code", "state", "error"))
    cookie = request.cookies.get(COOKIE, "")
    try:
        if "error" in request.query:
            await invites.drop(door.redis, state, cookie)
            door.log.info("consent_denied" if error == "auth_denied" else "consent_ended_by_tiktok")
            return pages.render(pages.DENIED if error == "auth_denied" else pages.TIKTOK_ERROR)
        if not _CODE.fullmatch(code):
            return pages.render(pages.NOT_BEGUN_HERE)
        invite = await invites.claim(door.redis, state, cookie)
        if invite is None:
            app = door.find_app(_only(request, "app_key"))
            return await _judge_uninvited(door, write_app_code(app, code))
        return await _redeem(door, invite, code)
    except (RedisError, OSError, EmptyRedis) as failure:
        return _unavailable(door, failure)


async def _redeem(door: Door, invite: str, code: str) -> web.Response:
    shops: list[Shop] | None = None
    try:
        shops = await door.client.authorize(code, app=await invites.find_app(door.redis, invite))
    except AuthorizationFailed:
        # The worker's log has the reason. TikTok's words may quote the code.
        door.log.warning("consent_failed", advice="authorize_done in the workers' logs has the reason")
    except NoWorker:
        door.log.error("consent_without_worker", advice="start a worker")  # noqa: TRY400 - known
        return pages.render(pages.UNAVAILABLE)
    finally:
        if shops is None:
            await invites.release(door.redis, invite)
    if shops is None:
        return pages.render(pages.REFUSED)
    label = await invites.use_up(door.redis, invite)
    door.log.info("consent_complete", label=label, shops=[shop.shop_id for shop in shops])
    response = pages.render(await describe_connected(door, shops))
    response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
    return response


async def _judge_uninvited(door: Door, code: str) -> web.Response:
    held = await held_consents.hold(door.redis, code) if door.uninvited == "hold" else None
    if held is None:
        door.log.warning("consent_refused", reason="it was not begun by an open invite in this browser")
        return pages.render(pages.NOT_BEGUN_HERE)
    door.log.info("consent_held", id=held.id, advice="shopstream invite --accept ID")
    return pages.render(pages.held(held.id))


def _unavailable(door: Door, error: Exception) -> web.Response:
    # The text of Redis's error may quote a command with the code.
    door.log.error("consent_unavailable", error=type(error).__name__)
    return pages.render(pages.UNAVAILABLE)


def _only(request: web.Request, name: str) -> str:
    """Return a parameter of the query that is there once; "" otherwise."""
    values = request.query.getall(name, [])
    return values[0] if len(values) == 1 else ""
