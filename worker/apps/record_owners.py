"""Find the app that a token record belongs to, and the records of a seller: one for each app with a consent."""

import hashlib

from redis.asyncio import Redis

from shopstream.redis.keys import partition_for
from worker.apps.token_apps import TokenApp, TokenApps


class RecordOwners:
    """The apps of the token records of a deployment."""

    def __init__(self, redis: Redis, apps: TokenApps, partitions: int) -> None:
        self._redis = redis
        self._apps = apps
        self._partitions = partitions

    async def find_app(self, name: str) -> TokenApp | None:
        """Find the app of an authorization; None if it is none of ours, or there is no such authorization."""
        key = partition_for(name, self._partitions).token(name)
        version, issuer = await self._redis.hmget(key, ["version", "issuer"])  # type: ignore[misc]
        return self._apps.owner(issuer) if version else None

    async def name(self, open_id: str, app: TokenApp) -> str:
        """Give the id of a seller's authorization of an app. The plain one may be of a former default app."""
        plain, own = authorization_id(open_id), authorization_id(open_id, app.key)
        if app is not self._apps.default:
            return own
        return own if self._apps.several and await self.find_app(plain) not in {app, None} else plain

    def list_names(self, open_id: str) -> list[str]:
        """List the ids that the authorizations of a seller may have: the plain one, and with several apps each own."""
        own = [authorization_id(open_id, app.key) for app in self._apps.all if self._apps.several and app.key]
        return [authorization_id(open_id), *own]


def authorization_id(open_id: str, app_key: str = "") -> str:
    """Derive the name of an authorization in keys and logs: 16 hex digits. `app_key` is that of a further app."""
    text = f"{app_key}:{open_id}" if app_key else open_id
    return hashlib.sha256(text.encode()).hexdigest()[:16]
