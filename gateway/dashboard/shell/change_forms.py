"""Take changes: POST from a page of ours, by an operator, with a confirmation that names how many are affected.

The first POST of a form shows the confirmation. The second one, with the field `confirmed`, does the change, writes it
to the audit trail, and leads back to a page.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.api.wire.body_reader import read_body
from gateway.api.wire.problems import FORBIDDEN, INVALID_PARAMETER, Problem
from gateway.dashboard.access.same_origin import is_ours
from gateway.dashboard.shell.templating import HEADERS
from gateway.dashboard.shell.visits import Shell, Visit

FIELDS_MOST: Final = 2_000
CONFIRMED: Final = "confirmed"
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form. A name may be there more than once."""

    fields: Sequence[tuple[str, str]]

    def get(self, name: str, default: str = "") -> str:
        """Give the first value of a field."""
        return next((value for one, value in self.fields if one == name), default)

    def get_all(self, name: str) -> list[str]:
        """Give all values of a field."""
        return [value for one, value in self.fields if one == name]


@dataclass(frozen=True, slots=True)
class Plan:
    """A change before its confirmation.

    Attributes:
        act: the change in the audit trail, as "requeue dead letters".
        subject: the thing that is changed, as a shop's id; "" for all.
        affected: the number of things that it affects.
        question: the confirmation, a sentence that names this number.
        button: the text of the button that confirms.
        back: the page to return to, relative to the overview: "dead", "shops/7495".
    """

    act: str
    subject: str
    affected: int
    question: str
    button: str
    back: str


MakePlan = Callable[[Visit, Form], Awaitable[Plan]]
Act = Callable[[Visit, Form], Awaitable[int]]
"""Does the change and returns the number of things that it affected."""


def change_route(shell: Shell, path: str, plan: MakePlan, act: Act) -> web.RouteDef:
    """Make the route of a change."""

    async def change(visit: Visit) -> web.StreamResponse:
        visit.require_operator()
        form = await read_form(visit.request)
        planned = await plan(visit, form)
        if not form.get(CONFIRMED):
            facts: Mapping[str, object] = {"plan": planned, "fields": form.fields}
            return await visit.render("confirm.html", "", facts)
        entry = await _do(visit, form, planned, act)
        root = "../" * (visit.request.path.count("/") - 1)
        mark = "&" if "?" in planned.back else "?"
        return web.Response(
            status=303, headers=HEADERS | {"Location": f"{root or './'}{planned.back}{mark}did={entry}"}
        )

    return web.post(path, shell.admit(change))


async def _do(visit: Visit, form: Form, planned: Plan, act: Act) -> str:
    """Do a change and write it down, also if it fails halfway. Return the id of its entry."""
    audit, who = visit.shell.audit, visit.visitor.name
    try:
        count = await act(visit, form)
    except Exception:  # whatever it was, the trail says that it failed; it is raised
        await audit.write(
            who=who, act=planned.act, subject=planned.subject, affected=planned.affected, outcome="failed"
        )  # fmt: skip
        raise
    visit.door.log.info("dashboard_change", who=who, act=planned.act, subject=planned.subject, affected=count)
    return await audit.write(who=who, act=planned.act, subject=planned.subject, affected=count)


async def read_form(request: web.Request) -> Form:
    """Read the form of a POST from a page of ours.

    Raises:
        Problem: another site's page sent it, or it is no form, too large or slow.
    """
    if not is_ours(request.headers):
        raise Problem(FORBIDDEN, "The request does not come from a page of this dashboard.")
    return await decode_form(request)


async def decode_form(request: web.Request) -> Form:
    """Read a form, wherever it comes from.

    Raises:
        Problem: it is no form, too large or slow.
    """
    if request.content_type != _FORM:
        raise Problem(INVALID_PARAMETER, f"The body must be {_FORM}.")
    body = await read_body(request)
    try:
        text = body.decode()
        return Form(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=FIELDS_MOST))
    except ValueError:
        raise Problem(INVALID_PARAMETER, "The body is no form.") from None
