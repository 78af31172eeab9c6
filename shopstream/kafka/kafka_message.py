"""Map a stream entry to a Kafka message and back, by CloudEvents' Kafka protocol binding in binary mode. Pure.

Each attribute is a header `ce_NAME`, an extension too; `datacontenttype` is the header `content-type`. The value is
`data` as published, byte by byte. The key is the subject, so that a topic keeps the order of each subject.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

CONTENT_TYPE: Final = "content-type"
PREFIX: Final = "ce_"
_DATA: Final = b"data"
_DATA_TYPE: Final = b"datacontenttype"


@dataclass(frozen=True, slots=True)
class KafkaMessage:
    """One message of a topic.

    Attributes:
        key: the subject; None if the entry has none.
        value: `data`, as published.
        headers: names and values, in the order of the entry's fields.
    """

    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def encode(fields: Mapping[bytes, bytes]) -> KafkaMessage:
    """Build the message of a stream entry from its fields.

    Raises:
        ValueError: the name of a field is no text, so no header can have it.
    """
    headers = tuple((_name_header(name), value) for name, value in fields.items() if name != _DATA)
    return KafkaMessage(fields.get(b"subject"), fields.get(_DATA, b""), headers)


def decode(value: bytes, headers: Iterable[tuple[str, bytes]]) -> dict[bytes, bytes]:
    """Build the fields of the stream entry again, for `shopstream.events.parse`. Leave out headers of others."""
    fields = {}
    for name, text in headers:
        if name == CONTENT_TYPE:
            fields[_DATA_TYPE] = text
        elif name.startswith(PREFIX):
            fields[name.removeprefix(PREFIX).encode()] = text
    return fields | {_DATA: value}


@lru_cache(256)
def _name_header(name: bytes) -> str:
    if name == _DATA_TYPE:
        return CONTENT_TYPE
    if b"\0" in name:
        raise ValueError("the name of an attribute has a zero byte")
    try:
        return PREFIX + name.decode()
    except UnicodeDecodeError:
        raise ValueError("the name of an attribute is not UTF-8") from None
