"""Know the apps of a deployment, and find the one that a token record belongs to."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from shopstream.authorizations.issuer import Issuer
from worker.marketplace.values import Grant


@dataclass(frozen=True, slots=True)
class TokenApp:
    """An app, as far as its tokens need it.

    Attributes:
        name: its name; "" is the app of `SHOPSTREAM_APP_KEY`.
        issuer: its key and hosts; None compares none.
        refresh: exchanges a refresh token for a new pair.
    """

    name: str
    issuer: Issuer | None
    refresh: Callable[[str], Awaitable[Grant]]

    @property
    def key(self) -> str:
        """Return the app key; "" if it isn't compared."""
        return self.issuer.app_key if self.issuer else ""

    @property
    def mark(self) -> str:
        """Return the issuer as a token record has it; "" if it isn't compared."""
        return self.issuer.to_json() if self.issuer else ""


class TokenApps:
    """All apps of a worker.

    Attributes:
        default: the app of `SHOPSTREAM_APP_KEY`.
        all: the default app and the further ones.
        marks: the issuers of all apps, as token records have them; one "" if they aren't compared.
    """

    def __init__(self, default: TokenApp, further: Iterable[TokenApp] = ()) -> None:
        self.default = default
        self.all = (default, *further)
        self.marks = tuple(app.mark for app in self.all)
        self._by_mark = dict(zip(self.marks, self.all, strict=True))

    @property
    def several(self) -> bool:
        """Tell whether there is more than one app."""
        return len(self.all) > 1

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        """Return the issuers of all apps."""
        return tuple(app.issuer for app in self.all if app.issuer)

    def by_name(self, name: str) -> TokenApp:
        """Find an app by its name; the default one if there is none of this name."""
        return next((app for app in self.all if app.name == name), self.default)

    def has(self, name: str) -> bool:
        """Tell whether there is an app of this name."""
        return any(app.name == name for app in self.all)

    def owner(self, mark: bytes | None) -> TokenApp | None:
        """Find the app of a token record by the issuer in it; None if that is none of ours.

        A record of an older version has no issuer. It counts as the default app's until it is opened.
        """
        if not mark or not self.default.mark:
            return self.default
        return self._by_mark.get(mark.decode(errors="replace"))

    def find_sealed_for(self, sealed_key: str, owner: TokenApp | None, *, marked: bool) -> TokenApp | None:
        """Find the app that an opened record was sealed for, which no change of its issuer moves.

        Args:
            sealed_key: the app key inside of the record; "" in one of an older version.
            owner: its app by its issuer.
            marked: whether it has an issuer.

        Returns:
            The app; None if it is none of ours, or not the one that the issuer names.
        """
        if owner and (not sealed_key or not owner.key or sealed_key == owner.key):
            return owner
        return None if marked else next((one for one in self.all if one.key == sealed_key), None)
