"""The client of a project that is not ours, as anybody would write it from TikTok's description."""

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen


class MyIntegration:
    def __init__(self, url: str, app_key: str, app_secret: str) -> None:
        self.url, self.app_key, self.app_secret = url, app_key, app_secret
        self.token = self.cipher = ""

    def authorize(self, auth_code: str) -> None:
        """Redeem a code, and take the first shop that it covers."""
        given = {"app_key": self.app_key, "app_secret": self.app_secret, "auth_code": auth_code}
        given["grant_type"] = "authorized_code"
        tokens = self._send(Request(f"{self.url}/api/v2/token/get?{urlencode(given)}"))  # noqa: S310 - a sandbox's URL
        self.token = tokens["data"]["access_token"]
        self.cipher = self.call("/authorization/202309/shops")["data"]["shops"][0]["cipher"]

    def read_product(self, product_id: str) -> Any:
        return self.call(f"/product/202309/products/{product_id}").get("data")

    def read_stock(self, sku_id: str) -> int:
        """Count the available units, in any number of tries."""
        while True:
            try:
                answer = self.call("/product/202309/inventory/search", {"sku_ids": [sku_id]})
            except HTTPError as error:
                error.close()
                if error.code != 429:
                    raise
                time.sleep(0.2)
                continue
            (sku,) = (sku for row in answer["data"]["inventory"] for sku in row["skus"] if sku["id"] == sku_id)
            return int(sku["total_available_quantity"])

    def call(self, path: str, document: Any = None) -> Any:
        query = {"app_key": self.app_key, "timestamp": str(int(time.time()))}
        if self.cipher:
            query["shop_cipher"] = self.cipher
        body = json.dumps(document).encode() if document else b""
        text = path + "".join(name + query[name] for name in sorted(query))
        secret = self.app_secret.encode()
        query["sign"] = hmac.new(secret, secret + text.encode() + body + secret, hashlib.sha256).hexdigest()
        headers = {"x-tts-access-token": self.token, "content-type": "application/json"}
        request = Request(f"{self.url}{path}?{urlencode(query)}", data=body or None, headers=headers)  # noqa: S310 - as above
        return self._send(request)

    def _send(self, request: Request) -> Any:
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            return json.load(answer)
