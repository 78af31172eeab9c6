"""Define the lines of a backup and parse them. All of a line is checked before anything of it reaches Redis."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson

from shopstream.errors import BackupRefused
from shopstream.ids import is_id
from shopstream.registry.shop import Shop

VERSION: Final = 1
"""The version of the format."""
FIELDS: Final = (
    "pair", "previous", "ciphers", "version", "fence", "pair_fence", "state", "reason", "issuer", "issued", "intent",
    "spent", "expiring_told",
)  # fmt: skip
"""Fields of a token record that a backup has. The others are locks and moments of the Redis that is lost."""
_NUMBERS: Final = ("version", "fence", "pair_fence")
_NUMBER: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_AUTHORIZATION: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
_SEALED: Final = re.compile(r"[A-Za-z0-9_-]{40,}={0,2}", re.ASCII)
_ISSUED: Final = re.compile(r"([0-9]{1,15}):([0-9]{1,12})", re.ASCII)
_OPEN_ID: Final = re.compile(r"[!-~]{1,300}", re.ASCII)
_STATUSES: Final = {"active", "reauthorization_required", "deauthorized"}
_TIME_BYTES: Final = slice(1, 9)
"""The place of a Fernet token's time: Unix seconds, in clear."""
_PARTITIONS_MOST: Final = 1024


@dataclass(frozen=True, slots=True)
class BackupHead:
    """The first line: the version of shopstream, the moment (RFC 3339) and the number of partitions."""

    shopstream: str
    made_at: str
    partitions: int


@dataclass(frozen=True, slots=True)
class SavedAuthorization:
    """A token record by the id of its authorization. Its secrets are sealed by the token keys."""

    id: str
    fields: Mapping[str, str]

    @property
    def issued_at(self) -> int:
        """Find the Unix seconds at which TikTok gave the pair, or at which it was sealed last; 0 if unreadable."""
        return find_issued(self.fields.get("issued"), self.fields.get("version"), self.fields["pair"])


@dataclass(frozen=True, slots=True)
class SavedShop:
    """The registry's entry of a shop, as stored and parsed."""

    entry: str
    shop: Shop


@dataclass(frozen=True, slots=True)
class SavedSettings:
    """The settings of a shop, as stored; a pause is among them."""

    shop_id: str
    settings: str


@dataclass(frozen=True, slots=True)
class SavedSeller:
    """The ids of a seller's shops by the seller's open id."""

    open_id: str
    shops: Sequence[str]


@dataclass(frozen=True, slots=True)
class SavedPause:
    """The pause of all shops, since ms of Redis's clock."""

    since_ms: int


BackupLine: TypeAlias = SavedAuthorization | SavedShop | SavedSettings | SavedSeller | SavedPause


def find_issued(issued: str | None, version: str | None, pair: str) -> int:
    """Find the Unix seconds at which TikTok gave a pair; 0 if they are unreadable.

    A worker of an older version stores a pair without this moment, and leaves that of an earlier pair. Then the moment
    at which the pair was sealed counts.
    """
    found = _ISSUED.fullmatch(issued or "")
    if found and found[1] == version:
        return int(found[2])
    try:
        return int.from_bytes(base64.urlsafe_b64decode(pair[:12])[_TIME_BYTES], "big")
    except (binascii.Error, ValueError):
        return 0


def write_line(line: BackupLine) -> bytes:
    """Encode a line, with its end."""
    document: dict[str, object]
    match line:
        case SavedAuthorization():
            document = {"kind": "authorization", "id": line.id, "fields": line.fields}
        case SavedShop():
            document = {"kind": "shop", "entry": line.entry}
        case SavedSettings():
            document = {"kind": "settings", "shop_id": line.shop_id, "settings": line.settings}
        case SavedSeller():
            document = {"kind": "seller", "open_id": line.open_id, "shops": line.shops}
        case SavedPause():
            document = {"kind": "paused", "since_ms": line.since_ms}
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def write_head(head: BackupHead) -> bytes:
    """Encode the first line, with its end."""
    document = {
        "kind": "shopstream-backup", "version": VERSION, "shopstream": head.shopstream, "made_at": head.made_at,
        "partitions": head.partitions,
    }  # fmt: skip
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def parse_json(line: bytes, number: int) -> Mapping[str, Any]:
    """Parse the JSON object of a line.

    Raises:
        BackupRefused: it is none.
    """
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise BackupRefused(f"line {number} is no JSON object: the file is damaged, or no backup")
    return document


def parse_head(document: Mapping[str, Any]) -> BackupHead:
    """Parse the first line.

    Raises:
        BackupRefused: the file is no backup, or one of another version of the format.
    """
    if document.get("kind") != "shopstream-backup":
        raise BackupRefused("the file is no backup of shopstream: its first line is another program's")
    if document.get("version") != VERSION:
        raise BackupRefused("the backup has another version of the format: import it by the shopstream that wrote it")
    head = BackupHead(
        str(document.get("shopstream")), str(document.get("made_at")), _whole(document.get("partitions"), 1)
    )
    if not 1 <= head.partitions <= _PARTITIONS_MOST:
        raise _damage(1, "its number of partitions")
    return head


def parse_line(document: Mapping[str, Any], number: int) -> BackupLine:
    """Parse a line after the first one.

    Raises:
        BackupRefused: a part of it is missing or can't be meant.
    """
    match document:
        case {"kind": "authorization", "id": str(name), "fields": dict(fields)} if _AUTHORIZATION.fullmatch(name):
            return SavedAuthorization(name, _check_fields(fields, number))
        case {"kind": "shop", "entry": str(entry)}:
            return SavedShop(entry, _check_shop(entry, number))
        case {"kind": "settings", "shop_id": str(shop), "settings": str(settings)} if is_id(shop):
            _check_object(settings, number)
            return SavedSettings(shop, settings)
        case {"kind": "seller", "open_id": str(open_id), "shops": list(shops)} if _OPEN_ID.fullmatch(open_id) and all(
            isinstance(shop, str) and is_id(shop) for shop in shops
        ):
            return SavedSeller(open_id, shops)
        case {"kind": "paused", "since_ms": int(since_ms)} if 0 <= since_ms < 10**15:
            return SavedPause(since_ms)
    raise _damage(number, f"kind {str(document.get('kind'))[:20]!r}")


def _check_fields(fields: Mapping[Any, Any], number: int) -> dict[str, str]:
    texts = {name: value for name, value in fields.items() if name in FIELDS and isinstance(value, str)}
    sealed = [texts[name] for name in ("pair", "previous", "ciphers") if name in texts]
    if len(texts) < len(fields) or "pair" not in texts or not all(_SEALED.fullmatch(one) for one in sealed):
        raise _damage(number, "fields of a token record")
    if not all(_NUMBER.fullmatch(texts.get(name, "")) for name in _NUMBERS) or texts.get("state") not in _STATUSES:
        raise _damage(number, "numbers of a token record")
    return texts


def _check_shop(entry: str, number: int) -> Shop:
    try:
        shop = Shop.from_json(entry.encode())
    except (ValueError, TypeError):
        raise _damage(number, "the entry of a shop") from None
    texts = (shop.shop_id, shop.name, shop.region, shop.seller_type, shop.since, shop.reason or "")
    sound = all(isinstance(one, str) for one in texts) and isinstance(shop.refresh_expires_at, int)
    if not sound or not is_id(shop.shop_id) or shop.status not in _STATUSES:
        raise _damage(number, "the entry of a shop")
    if not _AUTHORIZATION.fullmatch(shop.authorization):
        raise _damage(number, "the authorization of a shop")
    return shop


def _check_object(text: str, number: int) -> None:
    try:
        sound = isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        sound = False
    if not sound:
        raise _damage(number, "settings")


def _whole(value: object, number: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _damage(number, "a number")
    return value


def _damage(number: int, part: str) -> BackupRefused:
    return BackupRefused(f"line {number} can't be read ({part}): the file is damaged, or of a newer shopstream")
