"""Show the consents by their end, and the held ones; make an invite and accept a held consent."""

import asyncio
from typing import Final, NamedTuple

from aiohttp import web

from gateway.api.wire.problems import INVALID_PARAMETER, NOT_FOUND, UNAVAILABLE, Problem
from gateway.dashboard.shell.change_forms import CONFIRMED, Form, Plan, read_form
from gateway.dashboard.shell.live_pages import LivePage
from gateway.dashboard.shell.templating import Facts
from gateway.dashboard.shell.visits import Shell, Visit
from shopstream.consents.invites import check_base
from shopstream.errors import AuthorizationFailed, NoWorker, UnknownHold
from shopstream.glance.needs import CONSENT_SECONDS, find_stop_ms
from shopstream.glance.overview import Overview, ShopOverview
from shopstream.redis import clock

ACCEPT_SECONDS: Final = 20.0
"""Seconds to wait for a worker that redeems a held code."""
PAGE: Final = 50
INVITE_PATH: Final = "/authorizations/invite"
_DAYS: Final = (1, 3, 7)


class ConsentRow(NamedTuple):
    """The consent of one seller, which covers one or more shops.

    Attributes:
        shops: the shops.
        gone: true if the seller must authorize again.
        gone_ms: since when, in ms of Redis's clock; None if it is valid, or that is not known.
        end_s: Unix seconds of its end.
        token_s: Unix seconds of the end of its access token; None if that is not known.
        soon: true if it ends within 14 days.
    """

    shops: list[ShopOverview]
    gone: bool
    gone_ms: int | None
    end_s: int
    token_s: int | None
    soon: bool


async def _read_authorizations(visit: Visit) -> Facts:
    overview = await visit.shell.reader.overview()
    # In a thread: webhooks don't wait while the glances of 10,000 shops are read.
    rows = await asyncio.to_thread(_list_consents, overview)
    page = rows[:PAGE]
    tokens = await _read_tokens(visit, [row.shops[0].glance.entry["authorization"] for row in page])
    held = await visit.door.client.list_held_consents()
    return {
        "rows": [row._replace(token_s=token) for row, token in zip(page, tokens, strict=True)],
        "more": len(rows) - len(page),
        "held": held,
        "uninvited": visit.door.uninvited,
        "now_s": overview.now_ms // 1000,
        "days": _DAYS,
        "can_invite": bool(visit.door.public_url),
    }


def _list_consents(overview: Overview) -> list[ConsentRow]:
    """List the consents: those that are gone, then the others by their end."""
    by_consent: dict[str, list[ShopOverview]] = {}
    for shop in overview.shops:
        by_consent.setdefault(shop.glance.entry["authorization"], []).append(shop)
    rows = [_show(shops, overview.now_ms) for shops in by_consent.values()]
    return sorted(rows, key=lambda row: (not row.gone, row.end_s))


def _show(shops: list[ShopOverview], now_ms: int) -> ConsentRow:
    gone = [shop for shop in shops if shop.glance.entry["status"] != "active"]
    end = min(shop.glance.entry.get("refresh_expires_at", 0) for shop in shops)
    return ConsentRow(
        shops=shops,
        gone=bool(gone),
        gone_ms=find_stop_ms(gone[0]) if gone else None,
        end_s=end,
        token_s=None,
        soon=0 < end < now_ms / 1000 + CONSENT_SECONDS,
    )


async def _read_tokens(visit: Visit, authorizations: list[str]) -> list[int | None]:
    """Read the ends of access tokens, Unix seconds."""
    async with visit.door.redis.pipeline(transaction=False) as pipe:
        for name in authorizations:
            pipe.hget((await visit.door.partitions.find(name)).token_ends, name)
        ends = await pipe.execute() if authorizations else []
    return [int(end) if end and end.isdigit() else None for end in ends]


async def _plan_acceptance(visit: Visit, form: Form) -> Plan:
    name = form.get("consent")
    if name not in {one.id for one in await visit.door.client.list_held_consents()}:
        raise Problem(NOT_FOUND, "No consent of this name is held.")
    return Plan(
        act="accept consent",
        subject=name,
        affected=1,
        question=f"Accept 1 consent, {name}? Its shops are then synced. Be sure that you know its seller.",
        button="Accept",
        back="authorizations",
    )


async def _accept(visit: Visit, form: Form) -> int:
    try:
        shops = await visit.door.client.accept_held_consent(form.get("consent"), timeout=ACCEPT_SECONDS)
    except UnknownHold as error:
        raise Problem(NOT_FOUND, str(error)) from None
    except AuthorizationFailed as error:
        raise Problem(INVALID_PARAMETER, str(error)) from None
    except NoWorker as error:
        raise Problem(UNAVAILABLE, str(error)) from None
    return len(shops)


def invite_route(shell: Shell) -> web.RouteDef:
    """Make the route that makes an invite. Its answer is the one page that ever shows the link."""

    async def invite(visit: Visit) -> web.StreamResponse:
        visit.require_operator()
        form = await read_form(visit.request)
        label, days, us = form.get("label").strip(), form.get("days"), form.get("us") == "on"
        if days not in {str(one) for one in _DAYS}:
            raise Problem(INVALID_PARAMETER, f"An invite lives {', '.join(map(str, _DAYS))} days.")
        base = check_base(visit.door.public_url)
        if not form.get(CONFIRMED):
            plan = Plan(
                act="make invite",
                subject=label,
                affected=1,
                question=f"Make 1 invite{f' for {label}' if label else ''}? Its link adds the shops of a seller once.",
                button="Make invite",
                back="authorizations",
            )
            return await visit.render("confirm.html", "", {"plan": plan, "fields": form.fields})
        made = await visit.door.client.invite(label=label, seconds=86_400 * int(days), us=us)
        await visit.shell.audit.write(who=visit.visitor.name, act="make invite", subject=label, affected=1)
        now_ms = await clock.read_ms(visit.door.redis)
        facts = {"url": made.url(base), "invite": made, "seconds": made.expires_at - now_ms // 1000}
        return await visit.render("system/invite.html", "", facts)

    return web.post(INVITE_PATH, shell.admit(invite))


AUTHORIZATION_PAGE: Final = LivePage(
    path="/authorizations", template="system/authorizations.html", section="", read=_read_authorizations
)
AUTHORIZATION_CHANGES: Final = (("/authorizations/accept", _plan_acceptance, _accept),)
