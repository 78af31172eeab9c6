"""Make a notification of each change, and push it to who has subscribed to it."""

import itertools
import json
import time
from collections.abc import Callable, Sequence
from typing import Final

from shopstream_sandbox.catalogue.products import Product, Sku
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.consent.apps import App
from shopstream_sandbox.consent.tokens import Seller, Tokens
from shopstream_sandbox.webhook import notifications
from shopstream_sandbox.webhook.notifications import Data, Levels
from shopstream_sandbox.webhook.options import Options
from shopstream_sandbox.webhook.push import Push, signed
from shopstream_sandbox.webhook.pusher import Pusher
from shopstream_sandbox.webhook.subscriptions import TYPES, Subscriptions

INVENTORY_CHANGED: Final = 68
FBT_INVENTORY: Final = 24
_FIRST: Final = 7_300_000_000_000_000_000
_WRONG: Final = "0" * 64


class Notifier:
    """The webhooks of a sandbox. `clock` gives Unix seconds and may be turned."""

    def __init__(self, tokens: Tokens, sellers: Sequence[Seller], clock: Callable[[], float]) -> None:
        self.options = Options()
        self._subscriptions = {app.key: Subscriptions() for app in tokens.apps}
        self.pusher = Pusher(self.options, clock)
        self._tokens = tokens
        self._open_ids = {shop.id: seller.open_id for seller in sellers for shop in seller.shops}
        self._clock = clock
        # Ids go on rising over restarts, so that nobody takes a new notification for a repeated one.
        self._numbers = itertools.count(_FIRST + int(time.time() * 1_000_000) * 100)
        self._latest = 0

    def turned(self) -> None:
        """Look at what is due by the clock as it is now."""
        self._latest = 0
        self.pusher.turned()

    def reset(self) -> None:
        """Put everything back: options, subscriptions, log, counts, and all that is waiting."""
        for name, value in vars(Options()).items():
            setattr(self.options, name, value)
        for one in self._subscriptions.values():
            one.clear()
        self.pusher.forget()
        self.pusher.begin()

    def stock_changed(self, shop: Shop, product: Product, sku: Sku, before: Levels, source: str) -> None:
        """Tell a SKU's units after a change from `before` (68), and its stock status if that is another now (27)."""
        self.stock_stepped(shop, product, sku, [(source, before, notifications.levels(sku))])

    def stock_stepped(
        self, shop: Shop, product: Product, sku: Sku, steps: Sequence[tuple[str, Levels, Levels]]
    ) -> None:
        """Tell a SKU's units after several steps, each a trigger source with the units before and after it."""
        real = [step for step in steps if step[1] != step[2]]
        if not real:
            return
        if wanting := [app for app in self._tokens.apps if self._url(shop, INVENTORY_CHANGED, app) is not None]:
            data = notifications.stock(shop, product, sku, real, self.moment())
            for app in wanting:
                self._push(shop, INVENTORY_CHANGED, data, app)
        low = self.options.low_stock
        was, now = (notifications.stock_status(units.available, low) for units in (real[0][1], real[-1][2]))
        if was != now:
            self.notify(shop, 27, notifications.low_stock(product, sku, low, self._now()))

    def status_changed(self, shop: Shop, product: Product, before: str) -> None:
        """Tell that a product's status was another one `before` (5), and its audit's if that changed too (37)."""
        if product.status == before:
            return
        self.notify(shop, 5, notifications.status(product, before, self._now()))
        audits = notifications.AUDITS
        if "audit" not in product.extra and audits.get(before) != audits.get(product.status):
            self.audited(shop, product)

    def edited(self, shop: Shop, product: Product, fields: Sequence[str]) -> None:
        """Tell which fields of a product were edited (15); none tells nothing."""
        if fields:
            self.notify(shop, 15, notifications.edited(product, fields, self._now()))

    def created(self, shop: Shop, product: Product) -> None:
        """Tell a new product (16)."""
        self.notify(shop, 16, notifications.created(product, self._now()))

    def audited(self, shop: Shop, product: Product) -> None:
        """Tell a product's audit status (37)."""
        self.notify(shop, 37, notifications.audit(product, self._now()))

    def deauthorized(self, shop: Shop, app: App | None = None) -> None:
        """Tell the apps, or one, that the consent for a shop was taken back (6). It has to be told before it is."""
        data = notifications.deauthorized(shop)
        if app is None:
            self.notify(shop, 6, data)
        else:
            self._push(shop, 6, data, app)

    def notify(self, shop: Shop, kind: int, data: Data) -> str | None:
        """Push a notification of type `kind` to each app that wants it. Give the first one's id; None for none."""
        found = [self._push(shop, kind, data, app) for app in self._tokens.apps]
        return found[0] or next(filter(None, found), None)

    def subscriptions(self, app_key: str) -> Subscriptions:
        """Give the subscriptions of an app."""
        return self._subscriptions[app_key]

    def _push(self, shop: Shop, kind: int, data: Data, app: App) -> str | None:
        url = self._url(shop, kind, app)
        if url is None:
            return None
        number = str(next(self._numbers))
        push = Push(number, kind, shop.id, url, self._clock(), b"", None)
        push.product_id, push.sku_id = data.get("product_id"), data.get("sku_id")
        if kind == INVENTORY_CHANGED:
            push.event_id, push.occurred_at = data.get("event_id"), data.get("occurred_at")
            push.quantity = (data.get("quantity_snapshot_after_change") or {}).get("total_available_quantity")
        push.body = self._body(shop, kind, number, data)
        push.authorization = self._signature(push.body, app)
        self.pusher.give(push)
        return number

    def moment(self) -> str:
        """Give this moment as RFC 3339 with nanoseconds, later than any given before."""
        self._latest = max(self._latest + 1, int(self._clock() * 1_000_000) * 1000)
        seconds, rest = divmod(self._latest, 1_000_000_000)
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09}Z"

    def _url(self, shop: Shop, kind: int, app: App) -> str | None:
        options = self.options
        if options.types is not None and kind not in options.types:
            return None
        url = self._subscriptions[app.key].address(shop.id, TYPES[kind]) or (None if app.place else options.url)
        if url is None:
            self.pusher.counts["unsubscribed"] += not app.place
        elif not options.unauthorized and shop.id not in self._tokens.authorized:
            self.pusher.counts["unauthorized"] += 1
            return None
        return url

    def _body(self, shop: Shop, kind: int, number: str, data: Data) -> bytes:
        data = notifications.numbered(data, kind, self.options.ids)
        body: Data = {"type": kind, "tts_notification_id": number, "timestamp": self._now()}
        if kind == INVENTORY_CHANGED:
            named = self.options.shop_named_by
            if "seller_id" not in named:
                data.pop("seller_id", None)
        else:
            named = ("seller_open_id",) if kind == FBT_INVENTORY else ("shop_id",)
        identity = {"shop_id": shop.id, "seller_open_id": self._open_ids[shop.id]}
        body |= {name: identity[name] for name in named if name in identity}
        if kind == INVENTORY_CHANGED and self.options.body == "bare":
            body = {name: value for name, value in body.items() if name in identity} | data
        else:
            body["data"] = data
        # Not orjson: ids of 21 digits as integers have more than 64 bits.
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()

    def _signature(self, body: bytes, app: App) -> str | None:
        how = self.options.signature
        if how == "absent":
            return None
        right = signed(app.key, app.secret, body)
        return {"right": right, "wrong": _WRONG, "upper": right.upper()}[how]

    def _now(self) -> int:
        return int(self._clock())
