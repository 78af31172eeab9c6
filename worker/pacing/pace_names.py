"""Read the names of a shop's paces: TikTok's quota is per app, shop and endpoint. Pure."""


def endpoint_of(pace: str) -> str:
    """Give the endpoint of a pace, for logs and metrics."""
    return pace.rpartition("/")[2]
