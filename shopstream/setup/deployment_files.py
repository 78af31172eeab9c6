"""Make the files of a new deployment: `.env` without a secret, and one file a secret beside it."""

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shopstream.named_files import PREFIX, SUFFIX
from shopstream.setup.new_files import make_folder, write_new
from shopstream.setup.redis_users import NAMES, format_acl, format_url, make_passwords

FOLDER: Final = "secrets"
_ACL: Final = "redis_acl"
_URLS: Final = {name: f"redis_url_{name}" for name in NAMES}
_TOKEN: Final = "operator_token"  # noqa: S105 - a file's name
_DIGESTS: Final = "gateway_tokens"
_ENV_MODE: Final = 0o644


class HalfDone(Exception):
    """Of files that belong together some are there and some are not. The text says which, and the remedy."""


@dataclass(frozen=True, slots=True)
class App:
    """The app of Partner Center, and the place of Redis.

    Attributes:
        key: its app key.
        secret: its app secret.
        service_id: its service id, for consents; empty if it is not known yet.
        redis: HOST:PORT of Redis, as the processes reach it.
    """

    key: str
    secret: str = field(repr=False)
    service_id: str
    redis: str


@dataclass(slots=True)
class Written:
    """The files that were made, and those that were there and stayed as they were."""

    made: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)


def make_files(folder: Path, app: App) -> Written:
    """Make each file that is missing below the folder, and change none that is there.

    Raises:
        HalfDone: passwords can't be made for some users alone, or the token of a digest that is there.
        OSError: the folder can't be written.
    """
    done = Written()
    place = folder / FOLDER
    make_folder(place)
    _make_group(place, _describe_users(app.redis), done)
    _make_group(place, _describe_token(), done)
    _make_group(place, {"token_keys": base64.urlsafe_b64encode(os.urandom(32)).decode()}, done)
    _make_group(place, {"app_secret": app.secret}, done)
    _make_group(place, {"apps": ""}, done)  # further apps: none at first
    _make_group(place, {"grafana_password": secrets.token_urlsafe(18)}, done)
    _make_group(folder, {".env": _describe_settings(app)}, done, _ENV_MODE)
    return done


def _make_group(folder: Path, texts: Mapping[str, str], done: Written, mode: int | None = None) -> None:
    missing = [name for name in texts if not (folder / name).exists()]
    if missing and len(missing) < len(texts):
        there = sorted(set(texts) - set(missing))
        raise HalfDone(
            f"{folder}: {', '.join(missing)} missing, {', '.join(there)} there. They belong together: bring back the "
            f"missing files, or remove the others for new ones"
        )
    for name in missing:
        write_new(folder / name, texts[name], *(() if mode is None else (mode,)))
        done.made.append(folder / name)
    done.kept += [folder / name for name in texts if name not in missing]


def _describe_users(redis: str) -> dict[str, str]:
    passwords = make_passwords()
    urls = {_URLS[name]: format_url(name, password, redis) for name, password in passwords.items()}
    return {_ACL: format_acl(passwords), **urls}


def _describe_token() -> dict[str, str]:
    token = secrets.token_urlsafe(32)
    return {_TOKEN: token, _DIGESTS: f"owner:operator:{hashlib.sha256(token.encode()).hexdigest()}"}


def _describe_settings(app: App) -> str:
    values = {
        "APP_KEY": app.key,
        "SERVICE_ID": app.service_id,
        f"APP_SECRET{SUFFIX}": f"{FOLDER}/app_secret",
        f"APPS{SUFFIX}": f"{FOLDER}/apps",
        f"TOKEN_KEYS{SUFFIX}": f"{FOLDER}/token_keys",
        f"REDIS_URL{SUFFIX}": f"{FOLDER}/{_URLS['worker']}",
        f"GATEWAY_TOKENS{SUFFIX}": f"{FOLDER}/{_DIGESTS}",
    }
    head = "# Made by `shopstream setup`. The secrets are in the files below; all settings: docs/configure.md."
    return "\n".join((head, *(f"{PREFIX}{name}={value}" for name, value in values.items())))
