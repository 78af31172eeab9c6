"""The JSON documents that commands for the operation of the whole system print with --json, by command."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from shopstream.authorizations.findings import FindingKind
from shopstream.glance.shop_states import ShopState
from shopstream.registry.shop import Shop


class SetupDocument(TypedDict):
    """`setup`: the paths of the files that it made, and of those that were there and stayed as they were."""

    made: Sequence[str]
    kept: Sequence[str]


class UnusableDocument(TypedDict):
    """Authorizations that a worker can't use, as `Finding` has them."""

    kind: FindingKind
    theirs: str
    ours: str
    authorizations: int
    shops: int
    stopped: int | None


class WorkerDocument(TypedDict):
    """`workers`: one living worker. `since` is RFC 3339 by its clock; `seen_ms` ms of Redis's clock.

    `token_key` tells the key by which it encrypts token records from others. `token_records` is the number of records
    that it has checked, null if it hasn't yet.
    """

    name: str
    host: str
    pid: int
    version: str | None
    slots: int
    in_use: int
    since: str
    full: bool
    app_key: str | None
    token_key: str | None
    token_records: int | None
    unreadable_records: int
    unusable: Sequence[UnusableDocument]
    seen_ms: int


class CodeDocument(TypedDict):
    """`authorize -`: the outcome of the code in a line of standard input, counted from 1."""

    line: int
    shops: Sequence[Shop]
    error: str | None


class SpreadDocument(TypedDict):
    """`sync shop --all`: the kind of sync, the shops asked for, those that wait for their seller, and the time."""

    asked: str
    shops: int
    waiting: int
    over_seconds: int


class LetterCount(TypedDict):
    """`dead counts`: the dead letters of one error class and shop, and the time of the newest, RFC 3339."""

    error_class: str
    shop_id: str | None
    letters: int
    newest: str | None


class UrlDocument(TypedDict):
    """`authorize-url`: the URL of the consent page, and its state, which the callback gets back."""

    url: str
    state: str


class IssuerDocument(TypedDict):
    """`shops adopt` without --yes: an app with its hosts, and the number of its authorizations."""

    app_key: str
    api_url: str
    auth_url: str
    authorizations: int


class AdoptedDocument(TypedDict):
    """`shops adopt`: the number of authorizations that workers use by their own hosts now."""

    adopted: int


class RetriedDocument(TypedDict):
    """`shops retry`: the ids of the shops that are retried."""

    retried: Sequence[str]


class CheckDocument(TypedDict):
    """`doctor`: one check. `remedy` is empty for `ok`."""

    name: str
    grade: Literal["ok", "warn", "bad"]
    text: str
    remedy: str


class NeedDocument(TypedDict):
    """One thing that needs a person, and the path of the dashboard's page that shows its cause."""

    name: str
    level: str
    title: str
    detail: str
    page: str


class GroupStatus(TypedDict):
    """A consumer group in `status`; `behind_seconds` is the age of its oldest unread entry."""

    stream: str
    group: str
    unread: int
    members: int
    behind_seconds: float | None
    lost: int


class StatusDocument(TypedDict):
    """`status`: the state of everything. `shops` counts them by state; `memory_share` is of maxmemory, null without.

    `lost_apps` counts the shops that go on without an app, by its name.
    """

    shops: dict[ShopState, int]
    paused: bool
    needs: list[NeedDocument]
    workers: int
    slots: int
    slots_in_use: int
    waiting: int
    oldest_seconds: float
    groups: list[GroupStatus]
    dead_last_hour: dict[str, int]
    memory_share: float | None
    lost_apps: Mapping[str, int]
    webhooks_last_day: int
    now_ms: int


class PauseDocument(TypedDict):
    """`pause` and `resume`: the shop, null for all, and whether it is paused now."""

    shop_id: str | None
    paused: bool
