"""The apps that sellers consent to. Each has its own secret, tokens and quotas."""

import hashlib
from dataclasses import dataclass, field


@dataclass
class App:
    """An app of the Partner Center. Its secret may be renewed."""

    key: str
    secret: str = field(repr=False)
    service_id: str
    place: str
    """The part of its key in quotas and counts: "" for the first app, so that they look as if there were one."""

    def document(self) -> dict[str, str]:
        """Give it as the first line of output does."""
        return {"app_key": self.key, "app_secret": self.secret, "service_id": self.service_id}


def make_apps(seed: int, number: int) -> list[App]:
    """Make so many apps, always the same ones for a seed."""
    return [_make(seed, place) for place in range(number)]


def _make(seed: int, place: int) -> App:
    more = f":app{place}" if place else ""
    names = hashlib.sha256(f"sandbox:{seed}{more}".encode()).hexdigest()
    return App(names[:12], names[12:52], str(int(names[:12], 16)), names[:12] if place else "")
