"""Name the paces of a shop: TikTok's quota is per app, shop and endpoint. Pure."""


def name_pace(app: str, endpoint: str) -> str:
    """Name the pace of an endpoint by an app. That of the default app, "", has the name that it always had."""
    return f"{app}/{endpoint}" if app else endpoint


def endpoint_of(pace: str) -> str:
    """Give the endpoint of a pace, for logs and metrics."""
    return pace.rpartition("/")[2]
