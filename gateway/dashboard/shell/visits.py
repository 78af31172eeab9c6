"""Admit people to the dashboard, and render its pages for them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from aiohttp import web

from gateway.api.access.bearer import Gate
from gateway.api.wire.problems import FORBIDDEN, UNAUTHENTICATED, Problem, problem_of
from gateway.dashboard.access.audit_trail import AuditTrail
from gateway.dashboard.access.sessions import Sessions, read_cookie
from gateway.dashboard.shell.templating import HEADERS, Facts, Templates
from gateway.door import AccessToken, Door
from gateway.gateway_counts import GatewayCounts
from gateway.state_reader import StateReader

Handler = Callable[["Visit"], Awaitable[web.StreamResponse]]
WebHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
THEMES: Final = frozenset({"light", "dark"})


@dataclass(frozen=True, slots=True)
class Shell:
    """The parts that all pages share, built once."""

    door: Door
    reader: StateReader
    counts: GatewayCounts
    gate: Gate
    sessions: Sessions
    audit: AuditTrail
    templates: Templates

    def admit(self, handler: Handler) -> WebHandler:
        """Make a handler that only people who have logged in, and holders of a token, reach."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                visitor = await self._find_visitor(request)
                if visitor is None:
                    return _send_to_login(request)
                return await handler(Visit(self, request, visitor))
            except Exception as error:  # each error that a caller can cause has its page; any other is raised
                problem = problem_of(error)
                if problem is None:
                    raise
                return self.answer_problem(request, problem)

        return handle

    async def _find_visitor(self, request: web.Request) -> AccessToken | None:
        """Find the token of the Authorization header, else of the session; None without either."""
        if "Authorization" in request.headers:
            return self.gate.admit(request, "viewer")
        name = read_cookie(request.cookies)
        return await self.sessions.find(name) if name else None

    def answer_problem(self, request: web.Request, problem: Problem) -> web.Response:
        """Answer an error: with a page for a browser, else with the problem's document."""
        if not wants_page(request):
            answer = problem.answer()
            answer.headers.update(HEADERS)
            return answer
        document = problem.document()
        facts: Facts = {"problem": document, "root": root_of(request), "theme": theme_of(request)}
        page = self.templates.render("error.html", facts)
        headers = {**HEADERS, **problem.headers}
        return web.Response(status=document.status, text=page, content_type="text/html", headers=headers)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who may see pages.

    Attributes:
        shell: the parts that all pages share.
        request: the request.
        visitor: the name and role of the person's token.
    """

    shell: Shell
    request: web.Request
    visitor: AccessToken

    @property
    def door(self) -> Door:
        """Give the gateway's parts."""
        return self.shell.door

    @property
    def may_change(self) -> bool:
        """Tell whether the person's role allows changes."""
        return self.visitor.role == "operator"

    def require_operator(self) -> None:
        """Refuse anybody but an operator.

        Raises:
            Problem: the role is too small.
        """
        if not self.may_change:
            detail = f"The change needs the role operator, and yours is {self.visitor.role}."
            raise Problem(FORBIDDEN, detail)

    async def collect_facts(self, section: str) -> dict[str, object]:
        """Collect the facts that the base template shows around each page.

        Args:
            section: the name of the page's entry in the navigation; "" for none.
        """
        done = self.request.query.get("did")
        return {
            "root": root_of(self.request),
            "theme": theme_of(self.request),
            "section": section,
            "visitor": self.visitor,
            "may_change": self.may_change,
            "done": await self.shell.audit.find(done) if done else None,
            "dead_recent": await self.shell.reader.count_recent_dead(),
        }

    async def render(self, template: str, section: str, facts: Mapping[str, object], status: int = 200) -> web.Response:
        """Render a page that is not live."""
        page = self.shell.templates.render(template, await self.collect_facts(section) | {"live": False} | dict(facts))
        response = web.Response(status=status, text=page, content_type="text/html", headers=HEADERS)
        response.enable_compression()
        return response


def root_of(request: web.Request) -> str:
    """Give the relative path from a page to the overview, which is right below any prefix."""
    return "../" * (request.path.count("/") - 1) or "./"


def theme_of(request: web.Request) -> str:
    """Read the chosen theme from its cookie; "" for that of the system."""
    theme = request.cookies.get("theme", "")
    return theme if theme in THEMES else ""


def wants_page(request: web.Request) -> bool:
    """Tell whether the caller is a browser that opens a page."""
    return "text/html" in request.headers.get("Accept", "")


def _send_to_login(request: web.Request) -> web.StreamResponse:
    """Send a browser to the login page.

    Raises:
        Problem: the caller is a program.
    """
    if request.method != "GET" or not wants_page(request):
        raise Problem(UNAUTHENTICATED, headers={"WWW-Authenticate": "Bearer"})
    following = quote(request.path_qs.removeprefix("/"), safe="")
    place = f"{root_of(request)}login" + (f"?next={following}" if following else "")
    return web.Response(status=303, headers=HEADERS | {"Location": place})
