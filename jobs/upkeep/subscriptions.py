"""List, set and remove a shop's webhook subscriptions at an operator's order, with the secret and the tokens."""

from dataclasses import replace
from functools import partial
from typing import Final, TypedDict

import msgspec
import orjson

from jobs.calling.caller import Caller, Deferred
from shopstream.enqueue.subscribing import Subscription, SubscriptionOrder, Subscriptions
from shopstream.redis.keys import Partition
from shopstream.registry.shop_of_apps import ShopOfApps, list_views, read_app_name
from worker.marketplace.call_errors import (
    BadParameter,
    CallError,
    CredentialsRefused,
    Misconfigured,
    NotAllowed,
    ProductRefused,
    UnknownCode,
)
from worker.runtime import Runtime
from worker.shops.standing import read_record
from worker.tokens.authorizations import ReauthorizationRequired

ENDPOINT: Final = "webhooks"
REPLY_SECONDS: Final = 60
"""Seconds for which a reply is kept."""
_OF_ONE_EVENT: Final = (BadParameter, Misconfigured, ProductRefused, UnknownCode)
"""Refusals that may concern one event alone. TikTok's words for an unknown event aren't known."""


class _Failure(TypedDict):
    """The reply to an order that failed: the error in one line."""

    error: str


async def follow_order(runtime: Runtime, partition: Partition, request: str) -> bool:
    """Follow an order of `SyncClient.list_subscriptions` and the like, once, and reply. Return False without an order.

    The order leaves Redis first. If this worker dies, the operator repeats the command: a change is harmless twice.
    """
    stored = await runtime.redis.getdel(partition.order(request))
    await runtime.redis.zrem(partition.due, f"webhooks:{request}")
    if stored is None:
        return False  # another worker has taken the order, or the operator waits no more
    reply: Subscriptions | _Failure
    try:
        order = msgspec.json.decode(stored, type=SubscriptionOrder)
        reply = await _answer(runtime, order)
    except msgspec.DecodeError as malformed:
        reply = {"error": f"the order is malformed: {malformed}"}
    except _NotFollowed as failure:
        reply = {"error": str(failure)}
    await runtime.redis.set(partition.reply(request), orjson.dumps(reply), ex=REPLY_SECONDS)
    return True


class _NotFollowed(Exception):
    """The order could not be followed, or not to its end. The text is a sentence for the operator."""


async def _answer(runtime: Runtime, order: SubscriptionOrder) -> Subscriptions:
    partition = runtime.partition(order.shop_id)
    found = await runtime.registry.get(partition, order.shop_id)
    if found is None or found[0].status != "active":
        raise _NotFollowed("the shop has no valid consent")
    if not runtime.marketplace.abilities.webhook_events:
        raise _NotFollowed(f"webhooks need {runtime.marketplace.abilities.remedy or 'another marketplace'}")
    stored = await runtime.redis.hget(partition.state(order.shop_id), "p:shop")  # type: ignore[misc]
    # The operator waits, so the order keeps its place through a short cool-down.
    patient = replace(runtime, free=lambda: 1)
    view = _find_view(found[0], order.app)
    caller = Caller(patient, view, ENDPOINT, read_record(stored).standing, optional=True)
    work = _Work(runtime, caller, order)
    try:
        result = await work.do()
    except (Deferred, ReauthorizationRequired, CallError) as error:
        runtime.log.warning(
            "webhooks_failed", shop=order.shop_id, action=order.action, changed=work.changed, reason=str(error)
        )
        raise _NotFollowed(work.describe(error)) from error
    runtime.log.info(
        "webhooks_done", shop=order.shop_id, action=order.action, changed=result.changed, refused=len(result.refused)
    )
    return result


def _find_view(entry: ShopOfApps, app: str) -> ShopOfApps:
    """Find the consent to an app, as an operator names it; without a name, the leading one."""
    if not app:
        return entry
    wanted = read_app_name(app)
    view = next((one for one in list_views(entry) if one.app == wanted and one.status == "active"), None)
    if view is None:
        raise _NotFollowed(f"the shop has no valid consent to app {app}")
    return view


class _Work:
    """The calls of one order.

    Attributes:
        changed: subscriptions that have been set or removed so far.
    """

    def __init__(self, runtime: Runtime, caller: Caller, order: SubscriptionOrder) -> None:
        self._marketplace = runtime.marketplace
        self._events = runtime.marketplace.abilities.webhook_events
        self._caller = caller
        self._order = order
        self.changed = 0

    async def do(self) -> Subscriptions:
        """Follow the order, and return the subscriptions after it.

        Raises:
            Deferred, ReauthorizationRequired, CallError: as `Caller` does.
            _NotFollowed: the marketplace refused every event.
        """
        known = await self._list()
        refused: dict[str, str] = {}
        if self._order.action == "set":
            refused = await self._set(known)
        elif self._order.action == "remove":
            await self._remove(known)
        if self.changed:
            known = await self._list()
        return Subscriptions(
            self._order.shop_id,
            tuple(known.values()),
            tuple(event for event in self._events if event not in known),
            changed=self.changed,
            refused=refused,
        )

    async def _list(self) -> dict[str, Subscription]:
        (listed, _), _ = await self._caller(self._marketplace.list_subscriptions)
        return {one.event: one for one in listed}

    async def _set(self, known: dict[str, Subscription]) -> dict[str, str]:
        """Subscribe the events that are not at the URL yet, and return the words about those that are refused."""
        url = self._order.url
        wanted = [event for event in self._events if event not in known or known[event].url != url]
        refused: dict[str, str] = {}
        for event in wanted:
            try:
                await self._caller(partial(self._marketplace.subscribe, event=event, url=url))
            except CredentialsRefused:
                raise
            except _OF_ONE_EVENT as error:
                refused[event] = str(error)
            else:
                self.changed += 1
        if len(refused) == len(self._events):
            raise _NotFollowed(f"TikTok refused every event: {next(iter(refused.values()))}")
        return refused

    async def _remove(self, known: dict[str, Subscription]) -> None:
        for event in self._events:
            if event in known:
                await self._caller(partial(self._marketplace.unsubscribe, event=event))
                self.changed += 1

    def describe(self, error: Exception) -> str:
        """Write a sentence about a failure for the operator."""
        text = f"TikTok could not be asked: {error}"
        if isinstance(error, NotAllowed):
            scope = self._marketplace.abilities.scopes.get(ENDPOINT, "")
            text += f". The consent lacks the scope {scope}: enable it in Partner Center, then authorize again"
        if self.changed:
            text += f". {self.changed} subscriptions are changed; run the command again for the others"
        return text
