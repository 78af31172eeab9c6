"""Planted refusals: of a shop that is inactive, of a refresh, of a call, of a batch that holds a certain id."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from shopstream_sandbox.refusal.refusals import Refusal
from shopstream_sandbox.refusal.sentences import of_code

INACTIVE: Final = (36009043, 36009044, 12052700, 12052704, 12019112, 12019114, 12009014, 12052995)
ALL: Final = ""


@dataclass
class Plant:
    """One planted refusal.

    Attributes:
        code: TikTok's number. The words are TikTok's too if no `message` is given.
        http: the status; None is the one that the number usually comes with.
        times: how often it is still given; None is without end.
        html: a page of HTML in place of the envelope.
        endpoint: the name of a call; ALL for every one.
        shop: the id of a shop; ALL for every one, and for calls that are no shop's.
        products: the ids of products or SKUs one of which has to be asked for; none for every call.
    """

    code: int
    message: str | None = None
    http: int | None = None
    times: int | None = None
    html: bool = False
    retry_after: str | None = None
    endpoint: str = ALL
    shop: str = ALL
    products: frozenset[str] = frozenset()

    def hits(self, shop: str, endpoint: str, ids: Callable[[], set[str]]) -> bool:
        """Whether a call is to be refused."""
        if self.endpoint not in {ALL, endpoint} or self.shop not in {ALL, shop}:
            return False
        return not self.products or bool(self.products & ids())

    def refusal(self, ids: Callable[[], set[str]]) -> Refusal:
        """The refusal of a call that asks for those ids."""
        code, words, status = of_code(self.code)
        named = min(self.products & ids()) if self.products else ""
        message = (self.message or words).replace("{id}", named)
        http = status if self.http is None else self.http
        return Refusal(code, message, http, retry_after=self.retry_after, html=self.html)


class Plants:
    """All planted refusals by their names; a later one of the same name replaces the earlier one."""

    def __init__(self) -> None:
        self._planted: dict[tuple[str, ...], Plant] = {}

    def put(self, name: tuple[str, ...], plant: Plant | None) -> None:
        """Plant one, or take the one of that name away."""
        self._planted.pop(name, None)
        if plant is not None:
            self._planted[name] = plant

    def clear(self, *begin: str) -> None:
        """Take all away whose name begins so."""
        self._planted = {name: plant for name, plant in self._planted.items() if name[: len(begin)] != begin}

    def check(self, shop: str, endpoint: str, ids: Callable[[], set[str]]) -> None:
        """Let a call pass, or raise the refusal that was planted first."""
        for name, plant in self._planted.items():
            if plant.hits(shop, endpoint, ids):
                if plant.times is not None:
                    plant.times -= 1
                    if plant.times <= 0:
                        del self._planted[name]
                raise plant.refusal(ids)


def planted(asked: dict[str, Any], *, endpoint: str = ALL, shop: str = ALL) -> Plant:
    """Read a refusal from a control call. Raises KeyError, ValueError or TypeError for nonsense."""
    times, http, message, after = (asked.get(name) for name in ("times", "http", "message", "retry_after"))
    html = asked.get("content", "json") == "html"
    if asked.get("content", "json") not in {"json", "html"}:
        raise ValueError("content is json or html")
    code = asked.get("code", 0) if html else asked["code"]
    if any(type(number) is not int for number in (code, *(one for one in (times, http) if one is not None))):
        raise ValueError("code, times and http are whole numbers")
    if times is not None and times < 1:
        raise ValueError("times is 1 or more, or null for without end")
    return Plant(
        code=code,
        message=None if message is None else str(message),
        http=http,
        times=times,
        html=html,
        retry_after=None if after is None else str(after),
        endpoint=endpoint,
        shop=shop,
        products=frozenset(map(str, asked.get("products") or ())),
    )
