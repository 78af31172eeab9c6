"""Connect the apps of a deployment to TikTok: one marketplace for each, over one session."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shopstream.authorizations.issuer import Issuer
from worker.marketplace.protocol import Marketplace
from worker.tiktok.auth import AuthClient
from worker.tiktok.http import Session
from worker.tiktok.tiktok_client import Generation, TikTokClient
from worker.tiktok.tiktok_marketplace import TikTok


@dataclass(frozen=True, slots=True)
class AppSecret:
    """An app before it is connected: its name, its key, and the secret that signs."""

    name: str
    key: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """An app that is ready for calls.

    Attributes:
        name: its name; "" is the app of `SHOPSTREAM_APP_KEY`.
        issuer: its key and the hosts that it calls.
        marketplace: its calls.
    """

    name: str
    issuer: Issuer
    marketplace: Marketplace


@dataclass(frozen=True, slots=True)
class AppConnector:
    """All that the apps have in common: the session, the hosts and the generation of the API."""

    session: Session
    api_url: str
    auth_url: str
    generation: Generation

    def connect(self, apps: Iterable[AppSecret]) -> list[ConnectedApp]:
        """Connect the apps."""
        return [self._connect(app) for app in apps]

    def _connect(self, app: AppSecret) -> ConnectedApp:
        client = TikTokClient(self.session, self.api_url, app.key, app.secret, generation=self.generation)
        marketplace = TikTok(client, AuthClient(self.session, self.auth_url, app.key, app.secret))
        return ConnectedApp(app.name, Issuer(app.key, self.api_url, self.auth_url), marketplace)
