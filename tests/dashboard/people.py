"""People who use the dashboard as a browser does: a form for the token, then a cookie."""

from dataclasses import dataclass
from typing import Any

from tests.gateway.running import TOKENS, Answer, RunningGateway

PAGE = {"Accept": "text/html,application/xhtml+xml"}
OURS = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Person:
    """Somebody with a session."""

    running: RunningGateway
    cookie: str

    async def open(self, path: str, **headers: str) -> Answer:
        return await self.running.call("GET", path, role="", headers=PAGE | {"Cookie": self.cookie} | headers)

    async def send(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> Answer:
        """Send a form from a page of ours, unless the headers say otherwise."""
        known = PAGE | OURS | {"Cookie": self.cookie} | headers
        given = {name.replace("_", "-"): value for name, value in known.items() if value}
        return await self.running.call("POST", path, role="", headers=given, data=fields or {"x": ""})


async def log_in(running: RunningGateway, role: str = "operator", **headers: str) -> Person:
    answer = await running.call(
        "POST", "/login", role="", headers=PAGE | OURS | headers, data={"token": TOKENS[role], "next": ""}
    )
    assert answer.status == 303, answer.text
    ((name, value),) = answer.cookies.items()
    return Person(running, f"{name}={value}")


async def read_events(running: RunningGateway, path: str, cookie: str, count: int) -> list[dict[str, Any]]:
    """Read the first messages of a page's stream."""
    import json

    found: list[dict[str, Any]] = []
    headers = {"Accept": "text/event-stream", "Cookie": cookie}
    async with running.http.get(running.private + path, headers=headers) as response:
        assert response.content_type == "text/event-stream", response.status
        async for line in response.content:
            if line.startswith(b"data: "):
                found.append(json.loads(line[6:]))
            if len(found) == count:
                break
    return found
