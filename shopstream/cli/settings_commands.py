"""`shopstream settings`: show or change the settings of a shop."""

from dataclasses import asdict
from typing import Annotated

import typer

from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, print_table, say, with_client
from shopstream.client import SyncClient
from shopstream.durations import write_exactly
from shopstream.registry.settings import ShopSettings


def settings(
    shop: str,
    changes: Annotated[list[str] | None, typer.Argument(help="NAME=VALUE …. Default: show all settings.")] = None,
    redis_url: Url = DEFAULT_URL,
    *,
    json: Json = False,
) -> None:
    """Show or change the settings of a shop: intervals of syncs, published kinds, thresholds of low stock.

    An interval is in seconds or as 5m, 1h, 1d. low:SKU=3 sets the threshold of one SKU, and low:SKU= removes it.
    """

    async def act(client: SyncClient) -> None:
        pairs = [change.partition("=") for change in changes or []]
        if wrong := [name for name, equals, _ in pairs if not equals]:
            raise typer.BadParameter(f"{wrong[0]!r} is not NAME=VALUE")
        now = await client.settings(shop, **{name: value for name, _, value in pairs})
        if json:
            print_json(asdict(now))
        else:
            _settings_table(shop, now)

    with_client(redis_url, act)


def _settings_table(shop: str, now: ShopSettings) -> None:
    meaning = {
        "interval": "between incremental syncs, 0 never",
        "full_interval": "between full syncs, 0 never",
        "stock_interval": "between stock syncs, 0 never",
        "publish": "stock, prices or products",
        "description": "true: a changed description is a changed product",
        "low": "units at which stock is low",
        "guard": "true: recheck sooner what sells fast",
    }
    values = asdict(now)
    of_skus = values.pop("low_skus")
    rows = [(name, _write(name, value), meaning[name]) for name, value in values.items()]
    rows += [(f"low:{sku}", str(low), "low-stock threshold of this SKU") for sku, low in sorted(of_skus.items())]
    say(f"Settings of shop {shop}", "bold")
    print_table(("setting", "value", ""), rows)


def _write(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return write_exactly(value) if isinstance(value, int) and name.endswith("interval") else str(value)
