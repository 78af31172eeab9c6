"""Control a sandbox by typed calls. The README has all calls; `control` and `see` send those that have no method."""

from typing import Any, Literal

from shopstream_sandbox.testing import transport
from shopstream_sandbox.testing.values import Product, Push, Sku, Stats, StockChange, Units

OrderEvent = Literal["created", "canceled", "shipped"]


class Controls:
    """The control calls of a running sandbox.

    Every method raises `ControlRefused` if the sandbox refuses the call, for example for an unknown id.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, action: str, **document: object) -> Any:
        """Send `POST /_sandbox/ACTION`."""
        return transport.post(f"{self.url}/_sandbox/{action}", document)

    def see(self, path: str) -> Any:
        """Send `GET /_sandbox/PATH`."""
        return transport.get(f"{self.url}/_sandbox/{path}")

    # The catalogue

    def list_products(self, shop_id: str) -> list[str]:
        """List the ids of a shop's products, without deleted ones."""
        ids: list[str] = self.see(f"shops/{shop_id}/products")["products"]
        return ids

    def read_products(self, shop_id: str) -> dict[str, Product]:
        """Read all products of a shop as they are now, by id."""
        return {name: _product(row) for name, row in self.see(f"shops/{shop_id}/state")["products"].items()}

    def set_stock(self, shop_id: str, sku_id: str, quantity: int, *, warehouse_id: str | None = None) -> StockChange:
        """Set the units of a SKU in one warehouse, by default its first one."""
        change = {"sku_id": sku_id, "quantity": quantity} | ({"warehouse_id": warehouse_id} if warehouse_id else {})
        (made,) = self.control("stock", shop_id=shop_id, changes=[change])["changed"]
        return _change(made)

    def change_random_stock(self, shop_id: str, count: int, *, seed: int = 0) -> list[StockChange]:
        """Change the stock of exactly so many SKUs."""
        return [_change(row) for row in self.control("stock", shop_id=shop_id, random=count, seed=seed)["changed"]]

    def change_product(self, shop_id: str, product_id: str, **fields: object) -> None:
        """Set fields of a product, such as title, status (`SELLER_DEACTIVATED`), description or price."""
        self.control("product", shop_id=shop_id, product_id=product_id, set=fields)

    def add_products(self, shop_id: str, count: int = 1) -> list[str]:
        """Add new products, and give their ids."""
        ids: list[str] = self.control("add", shop_id=shop_id, count=count)["product_ids"]
        return ids

    def delete_product(self, shop_id: str, product_id: str) -> None:
        """Delete a product."""
        self.control("delete", shop_id=shop_id, product_id=product_id)

    def restore_product(self, shop_id: str, product_id: str) -> None:
        """Bring a deleted product back."""
        self.control("restore", shop_id=shop_id, product_id=product_id)

    def sell(self, shop_id: str, sku_id: str, units: int = 1, *, event: OrderEvent = "created") -> Units:
        """Move units as an order does that is created, canceled or shipped, and give the units after it."""
        return Units(**self.control("order", shop_id=shop_id, sku_id=sku_id, units=units, event=event)["after"])

    # Consent and time

    def issue_auth_code(self, seller: str) -> str:
        """Give another authorization code of a seller, as after another consent."""
        code: str = self.control("auth_code", seller=seller)["auth_code"]
        return code

    def deauthorize(self, shop_id: str) -> None:
        """Take a shop out of its seller's consent."""
        self.control("deauthorize", shop_id=shop_id)

    def expire_tokens(self, *, refresh_tokens: bool = False) -> None:
        """Let all access tokens expire, and on request the refresh tokens too."""
        self.control("tokens", expire_access=True, expire_refresh=refresh_tokens)

    def turn_clock(self, offset_seconds: float) -> None:
        """Set the sandbox's clock so many seconds ahead of the machine's, or behind it."""
        self.control("clock", offset_seconds=offset_seconds)

    # Quotas and faults

    def set_quota(self, per_second: float | None, *, shop_id: str = "all", endpoint: str = "all") -> None:
        """Limit calls a second of a shop and endpoint; None ends the limit. No signed call can read it."""
        self.control("quota", per_second=per_second, shop_id=shop_id, endpoint=endpoint)

    def throttle(self, seconds: float) -> None:
        """Answer all calls by 429 for so long."""
        self.control("platform_throttle", seconds=seconds)

    def refuse(
        self,
        code: int,
        *,
        endpoint: str = "all",
        shop_id: str | None = None,
        times: int | None = None,
        http: int | None = None,
    ) -> None:
        """Refuse calls with a code of TikTok's and its words, so many times or until `accept`."""
        optional: dict[str, object] = {"shop_id": shop_id, "times": times, "http": http}
        given = {name: value for name, value in optional.items() if value is not None}
        self.control("refuse", code=code, endpoint=endpoint, **given)

    def accept(self) -> None:
        """End all refusals that `refuse` has begun."""
        self.control("refuse")

    def plant_faults(self, *kinds: str, rate: float = 1.0, seed: int = 0, seconds: float = 30.0) -> None:
        """Spoil a share of the answers by these kinds of faults of the README; without kinds end all faults.

        `seconds` is the time that faults such as `timeout` hold on.
        """
        if kinds:
            self.control("faults", kinds=list(kinds), rate=rate, seed=seed, seconds=seconds)
        else:
            self.control("faults")

    def turn(self, **switches: object) -> dict[str, object]:
        """Turn switches of the README, such as `latency_ms=200`, and give the positions of all."""
        positions: dict[str, object] = self.control("switches", **switches)
        return positions

    # Webhooks

    def push_webhooks_to(self, url: str | None, **options: object) -> None:
        """Push webhooks of all shops with a consent to this URL, with options of the README; None ends it."""
        self.control("webhooks", url=url, **options)

    def list_pushes(self, first: int = 0) -> list[Push]:
        """List the webhooks that were made, from a place on; at most 1000."""
        return [_push(row) for row in self.see(f"webhooks/log?from={first}")["pushes"]]

    # Counts

    def read_stats(self) -> Stats:
        """Count the API calls and their answers."""
        row = self.see("stats")
        counts = {name: row[name] for name in ("calls", "throttled", "in_cooldown", "tokens", "by_shop")}
        return Stats(**counts, by_endpoint=row["by_path"])

    def reset_stats(self) -> None:
        """Set all counts to zero."""
        self.control("reset")


def _product(row: dict[str, Any]) -> Product:
    skus = {name: Sku(sku["price"], sku["stock"], sku["committed"]) for name, sku in row["skus"].items()}
    return Product(row["title"], row["status"], row["update_time"], skus)


def _change(row: dict[str, Any]) -> StockChange:
    return StockChange(row["product_id"], row["sku_id"], row["warehouse_id"], row["before"], row["after"])


def _push(row: dict[str, Any]) -> Push:
    about = {name: row[name] for name in ("type", "shop_id", "product_id", "sku_id", "state", "status")}
    return Push(notification_id=row["id"], attempts=len(row["attempts"]), **about)
