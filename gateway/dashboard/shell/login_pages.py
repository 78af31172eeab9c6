"""Log people in by an API token, and out."""

from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway.api.access.bearer import find_token
from gateway.api.wire.problems import FORBIDDEN, TOO_MANY_FAILURES, Problem, problem_of
from gateway.dashboard.access import sessions
from gateway.dashboard.access.same_origin import is_foreign, is_secure
from gateway.dashboard.shell.change_forms import decode_form, read_form
from gateway.dashboard.shell.templating import HEADERS
from gateway.dashboard.shell.visits import Shell, WebHandler, root_of, theme_of

_NEXT_MOST: Final = 2_000


def login_routes(shell: Shell) -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.get("/login", _guard(shell, lambda request: _show(shell, request))),
        web.post("/login", _guard(shell, lambda request: _log_in(shell, request))),
        web.post("/logout", _guard(shell, lambda request: _log_out(shell, request))),
    ]


async def _show(shell: Shell, request: web.Request) -> web.StreamResponse:
    return _page(shell, request, following=request.query.get("next", ""))


async def _log_in(shell: Shell, request: web.Request) -> web.StreamResponse:
    if is_foreign(request.headers):
        raise Problem(FORBIDDEN, "The request does not come from a page of this dashboard.")
    form = await decode_form(request)
    following = form.get("next")
    token = find_token(shell.door.tokens, [f"Bearer {form.get('token')}"])
    if token is None:
        if wait := shell.gate.count_failure(request.remote or ""):
            raise Problem(TOO_MANY_FAILURES, headers={"Retry-After": str(wait)})
        return _page(shell, request, following=following, failed=True)
    name = await shell.sessions.begin(token)
    shell.door.log.info("dashboard_login", who=token.name, role=token.role)
    response = web.Response(status=303, headers=HEADERS | {"Location": _place(following)})
    _set_cookie(request, response, name, sessions.LONGEST_SECONDS)
    return response


async def _log_out(shell: Shell, request: web.Request) -> web.StreamResponse:
    await read_form(request)
    if name := sessions.read_cookie(request.cookies):
        await shell.sessions.end(name)
    response = web.Response(status=303, headers=HEADERS | {"Location": "login"})
    _set_cookie(request, response, "", 0)
    return response


def _page(shell: Shell, request: web.Request, *, following: str, failed: bool = False) -> web.Response:
    facts = {
        "root": root_of(request),
        "theme": theme_of(request),
        "failed": failed,
        "following": following[:_NEXT_MOST],
        "closed": not shell.door.tokens,
    }
    text = shell.templates.render("login.html", facts)
    return web.Response(status=401 if failed else 200, text=text, content_type="text/html", headers=HEADERS)


def _place(following: str) -> str:
    """Make the place after the login: a path below the overview, and never another site's."""
    try:
        parts = urlsplit(following)
    except ValueError:
        return "./"
    odd = parts.scheme or parts.netloc or following.startswith("/") or "\\" in following or len(following) > _NEXT_MOST
    harmless = not odd and following.isascii() and following.isprintable()
    return f"./{following}" if harmless else "./"


def _set_cookie(request: web.Request, response: web.Response, value: str, seconds: int) -> None:
    secure = request.secure or is_secure(request.headers)
    name = sessions.SECURE_COOKIE if secure else sessions.PLAIN_COOKIE
    response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, secure=secure, samesite="Strict")


def _guard(shell: Shell, handler: WebHandler) -> WebHandler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:  # each error that a caller can cause has its page; any other is raised
            problem = problem_of(error)
            if problem is None:
                raise
            return shell.answer_problem(request, problem)

    return handle
