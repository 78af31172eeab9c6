"""Tell whether a request comes from a page of ours. Pure.

`Sec-Fetch-Site` is set by the browser and no proxy changes it. Browsers leave it out over plain http, and then the
`Origin` must have the host that was asked for.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit


def is_ours(headers: Mapping[str, str]) -> bool:
    """Tell whether a page of ours sent the request. Without both headers none did."""
    site = headers.get("Sec-Fetch-Site")
    return site == "same-origin" if site is not None else _matches(headers)


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Tell whether another site's page sent the request. A program that sends neither header is no page."""
    said = "Sec-Fetch-Site" in headers or "Origin" in headers
    return said and not is_ours(headers)


def is_secure(headers: Mapping[str, str]) -> bool:
    """Tell whether the browser reached us by https. Its own `Origin` says so, behind any proxy."""
    return headers.get("Origin", "").startswith("https://")


def _matches(headers: Mapping[str, str]) -> bool:
    host = headers.get("Host", "")
    try:
        origin = urlsplit(headers.get("Origin", ""))
    except ValueError:
        return False
    return bool(host) and origin.scheme in {"http", "https"} and origin.netloc.lower() == host.lower()
