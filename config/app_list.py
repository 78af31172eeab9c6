"""Read the apps beside the one of `SHOPSTREAM_APP_KEY`, as `SHOPSTREAM_APPS` lists them."""

import re
from dataclasses import dataclass, field
from typing import Final

from config.variables.secret import Secret

DEFAULT: Final = "default"
"""The name of the app of `SHOPSTREAM_APP_KEY`, which no other app may have."""
_APP: Final = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]{0,29}):(?P<key>[A-Za-z0-9_.-]{1,100})"
    r":(?P<secrets>[!-~]{1,400}?)(?::(?P<service>[0-9]{1,30}))?"
)
_SECRET: Final = re.compile(r"[!-~]{1,200}")
_STRANGE: Final = re.compile(r"[:,+]")
_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class ListedApp:
    """An app of TikTok's Partner Center.

    Attributes:
        name: its name here, in commands and in the registry.
        key: its app key.
        secrets: its app secrets. The first signs, all verify webhooks.
        service_id: its service id, for the URL of a consent; "" if it isn't set.
    """

    name: str
    key: str
    secrets: tuple[str, ...] = field(repr=False)
    service_id: str


def read_apps(listed: Secret, default_key: str) -> tuple[ListedApp, ...]:
    """Read `name:key:secret` or `name:key:secret:service_id` by commas; a secret may be several with + between them.

    Raises:
        ValueError: an app is malformed, or a name or key is there twice. The text has no secret.
    """
    found = [_read(text) for text in listed.split()]
    names, keys = [DEFAULT, *(one.name for one in found)], [default_key, *(one.key for one in found)]
    if len(set(names)) < len(names):
        raise ValueError(f"has a name twice; {DEFAULT} is the app of SHOPSTREAM_APP_KEY")
    if len(set(keys)) < len(keys):
        raise ValueError("has an app key twice, or the one of SHOPSTREAM_APP_KEY")
    if len(found) > _MOST:
        raise ValueError(f"has more than {_MOST} apps")
    return tuple(found)


def check_apps(listed: Secret) -> Secret:
    """Return listed apps as they are. Raise ValueError as `read_apps`, which compares them with the default app."""
    read_apps(listed, "")
    return listed


def _read(text: str) -> ListedApp:
    parts = _APP.fullmatch(text)
    secrets = tuple(parts["secrets"].split("+")) if parts else ()
    if parts is None or not all(_SECRET.fullmatch(one) and not _STRANGE.search(one) for one in secrets):
        raise ValueError(
            "must be name:key:secret or name:key:secret:service_id by commas; a name has small letters, digits and -,"
            " and while a secret is renewed both are there with a + between them"
        )
    return ListedApp(parts["name"], parts["key"], secrets, parts["service"] or "")
