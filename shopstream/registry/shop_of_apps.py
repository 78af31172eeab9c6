"""Encode and decode the registry's entry of a shop whose seller may have consented to several apps.

The entry of a shop of one app is the same as without this module. All but the class are pure functions that look at a
shop by one of its consents, which leads there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, NamedTuple, TypedDict, cast

import orjson

from shopstream.ids import InvalidArgument, show
from shopstream.registry.shop import Shop, Status

DEFAULT_APP: Final = "default"
"""The name by which people know the app of `SHOPSTREAM_APP_KEY`. In the registry it is ""."""


_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")


def read_app_name(name: str) -> str:
    """Read the name that a person gives an app. Return it as the registry has it.

    Raises:
        InvalidArgument: no app can have this name.
    """
    if not isinstance(name, str) or (name and not _NAME.fullmatch(name)):
        raise InvalidArgument(f"an app's name has at most 30 small letters, digits and -, unlike {show(name)}")
    return "" if name == DEFAULT_APP else name


class AppStanding(NamedTuple):
    """An app of a shop, as people see it: its name, the state of the consent to it, and the reason of that."""

    app: str
    state: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class OtherConsent:
    """A seller's consent to a further app of this deployment, for the same shop.

    Attributes:
        authorization: the id of the authorization.
        app: the name of the app; "" is the one of `SHOPSTREAM_APP_KEY`.
        state: as the status of a shop. Its key has another name, since scripts search an entry for its status.
        reason: the reason for a state other than `active`; None for `active`.
        since: the beginning of the state, RFC 3339.
        refresh_expires_at: Unix seconds until which a worker can renew the consent without the seller.
    """

    authorization: str
    app: str
    state: Status
    reason: str | None
    since: str
    refresh_expires_at: int


class _Document(TypedDict, total=False):
    """The fields of an entry that are no `Shop`'s."""

    app: str
    also: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class ShopOfApps(Shop):
    """An entry of the registry with the consents to all apps.

    Attributes:
        app: the name of the app that the authorization belongs to; "" is the one of `SHOPSTREAM_APP_KEY`.
        also: the consents to further apps. The fields before are of a consent that works, if any does.
    """

    app: str = ""
    also: Sequence[OtherConsent] = ()

    def plain(self) -> Shop:
        """Give the shop as all who know of one app read it."""
        return Shop(**{each.name: getattr(self, each.name) for each in fields(Shop)})

    def to_json(self) -> str:
        """Encode the entry. A shop of one app, the usual case, has no fields about apps."""
        document = asdict(self)
        if not self.also:
            del document["also"]
            if not self.app:
                del document["app"]
        return orjson.dumps(document).decode()

    @classmethod
    def from_json(cls, stored: bytes) -> "ShopOfApps":
        """Decode an entry made by `to_json`. Raises as `Shop.from_json` does."""
        plain = Shop.from_json(stored)
        more = cast("_Document", orjson.loads(stored)) if b'"app":' in stored else _Document()
        values: Any = {each.name: getattr(plain, each.name) for each in fields(plain)}
        return cls(**values, app=str(more.get("app", "")), also=_read_others(more.get("also")))


def list_views(shop: ShopOfApps) -> Iterator[ShopOfApps]:
    """Give the shop once by each of its consents."""
    yield shop
    for one in shop.also:
        rest = tuple(other for other in shop.also if other is not one)
        yield replace(
            shop, authorization=one.authorization, app=one.app, status=one.state, reason=one.reason, since=one.since,
            refresh_expires_at=one.refresh_expires_at, also=(_other(shop), *rest),
        )  # fmt: skip


def list_authorizations(shop: ShopOfApps) -> list[str]:
    """List the ids of the authorizations of a shop."""
    return [view.authorization for view in list_views(shop)]


def view_by(shop: ShopOfApps, authorization: str) -> ShopOfApps | None:
    """Give the shop by its consent of this id; None if it has no such consent."""
    return next((view for view in list_views(shop) if view.authorization == authorization), None)


def put_working_first(shop: ShopOfApps, wanted: str) -> ShopOfApps:
    """Give the shop by a consent that works: the one of the id `wanted`, or else the first. Without any, as it is."""
    working = [view for view in list_views(shop) if view.status == "active"]
    return next((view for view in working if view.authorization == wanted), working[0] if working else shop)


def app_of(shop: Shop) -> str:
    """Give the name of the app of the consent by which the shop is looked at; "" is the default one."""
    return shop.app if isinstance(shop, ShopOfApps) else ""


def has_another(shop: Shop) -> bool:
    """Tell whether a consent to another app works than the one by which the shop is looked at."""
    return isinstance(shop, ShopOfApps) and any(one.state == "active" for one in shop.also)


def list_apps(entry: Mapping[str, object]) -> list[AppStanding]:
    """List the apps of a shop by its entry as JSON gives it; empty if the shop is known by the default app alone."""
    others = _read_others(entry.get("also"))
    if not others and not entry.get("app"):
        return []
    leading = AppStanding(
        str(entry.get("app") or DEFAULT_APP), str(entry["status"]), cast("str | None", entry["reason"])
    )
    return [leading, *(AppStanding(str(one.app or DEFAULT_APP), str(one.state), one.reason) for one in others)]


def name_pace(app: str, endpoint: str) -> str:
    """Name the pace of an endpoint by an app. That of the default app, "", has the name that it always had."""
    return f"{app}/{endpoint}" if app else endpoint


def name_rate(app: str, endpoint: str) -> str:
    """Name the field of a shop's hash of paces that has the learnt rate of an app."""
    return f"{name_pace(app, endpoint)}:rate"


def list_working_apps(stored: bytes) -> list[str]:
    """List the apps by which a shop can be called, by its entry as stored; the default one, "", if none is known."""
    try:
        views = list_views(ShopOfApps.from_json(stored))
        return [view.app for view in views if view.status == "active"] or [""]
    except ValueError:
        return [""]


def add_consent(shop: ShopOfApps, new: ShopOfApps, without: str = "") -> ShopOfApps:
    """Give the shop by a new consent, with its others beside it but the one of the id `without`."""
    gone = {new.authorization, without}
    return replace(new, also=tuple(_other(view) for view in list_views(shop) if view.authorization not in gone))


def _other(shop: ShopOfApps) -> OtherConsent:
    return OtherConsent(
        authorization=shop.authorization, app=shop.app, state=shop.status, reason=shop.reason, since=shop.since,
        refresh_expires_at=shop.refresh_expires_at,
    )  # fmt: skip


def _read_others(stored: object) -> tuple[OtherConsent, ...]:
    """Read the consents to further apps. Those of a newer version in another form are left out."""
    rows: Any = stored if isinstance(stored, list) else ()
    names = [each.name for each in fields(OtherConsent)]
    return tuple(
        OtherConsent(**{name: row[name] for name in names})
        for row in rows
        if isinstance(row, dict) and all(name in row for name in names)
    )
