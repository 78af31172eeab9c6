"""The calls: what each needs, and which one a path is."""

import re
from dataclasses import dataclass
from typing import Final

from shopstream_sandbox.refusal.refusals import Refusal, said


@dataclass(frozen=True)
class Endpoint:
    """One call: its short name, method, path (as a template), the scope that it needs, and further methods."""

    name: str
    method: str
    path: str
    scope: str = "seller.product.basic"
    further: tuple[str, ...] = ()

    def allows(self, method: str) -> bool:
        """Tell whether it has that method."""
        return method == self.method or method in self.further


SHOPS: Final = Endpoint("shops", "GET", "/authorization/202309/shops", "seller.authorization.info")
LEGACY: Final = Endpoint("product_legacy", "GET", "/api/products/details")
PRODUCT: Final = Endpoint("product", "GET", "/product/202309/products/{product_id}")
SEARCH: Final = Endpoint("products_search", "POST", "/product/202502/products/search")
INVENTORY: Final = Endpoint("inventory_search", "POST", "/product/202309/inventory/search")
WAREHOUSES: Final = Endpoint("warehouses", "GET", "/logistics/202309/warehouses", "seller.logistics")
WEBHOOKS: Final = Endpoint("webhooks", "GET", "/event/202309/webhooks", "seller.authorization.info", ("PUT", "DELETE"))
ALL: Final = (SHOPS, LEGACY, PRODUCT, SEARCH, INVENTORY, WAREHOUSES, WEBHOOKS)
PATHS: Final = {endpoint.name: endpoint.path for endpoint in ALL}
TOKEN_NAMES: Final = {"get": "token_get", "refresh": "token_refresh"}
"""Names of the token host's two calls, where they can be named."""
_FIXED: Final = {endpoint.path: endpoint for endpoint in ALL if endpoint is not PRODUCT}
_PRODUCT_PREFIX: Final = PRODUCT.path.removesuffix("{product_id}")
_VERSIONED: Final = re.compile(r"/([a-z]+)/(\d{6})(/.+)")


def named(name: str) -> str:
    """The short name for a short name or a path. Raises ValueError if there is none."""
    for endpoint in ALL:
        if name in {endpoint.name, endpoint.path}:
            return endpoint.name
    raise ValueError(f"the endpoints are {', '.join(PATHS)}")


def routed(path: str, version_code: int) -> Endpoint:
    """The endpoint of a path. Raises 36009009 or, if only the version is another, `version_code`."""
    found = _FIXED.get(path)
    if found:
        return found
    if path.startswith(_PRODUCT_PREFIX) and "/" not in path[len(_PRODUCT_PREFIX) :]:
        return PRODUCT
    other = _VERSIONED.fullmatch(path)
    if other and any(_is_of_version(other[1], other[3], version) for version in ("202309", "202502")):
        raise wrong_version(version_code)
    raise said("path")


def wrong_version(code: int) -> Refusal:
    """Refuse a version by the number that the switch says; TikTok has been seen to use both."""
    return said("version" if code == 36009014 else "version_by_general_number")


def _is_of_version(group: str, rest: str, version: str) -> bool:
    path = f"/{group}/{version}{rest}"
    return path in _FIXED or (path.startswith(_PRODUCT_PREFIX) and rest.count("/") == 2)
