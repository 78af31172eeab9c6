"""The mapping of an entry to a Kafka message and back: CloudEvents' Kafka protocol binding, binary mode."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopstream.events import parse
from shopstream.kafka.kafka_message import decode, encode
from tests.sources import ROOT

ATTRIBUTES = {"specversion", "id", "source", "type", "subject", "time", "dataschema"}
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20).filter(lambda name: name != "data")
FIELDS = st.dictionaries(NAMES.map(str.encode), st.binary(max_size=200), max_size=20)
SAMPLES = sorted((ROOT / "shopstream" / "samples").glob("*.json"))


@given(FIELDS, st.binary(max_size=500), st.sampled_from([None, b"application/json", b"text/plain"]))
def test_a_message_gives_the_entry_back(fields: dict[bytes, bytes], data: bytes, kind: bytes | None) -> None:
    fields.pop(b"datacontenttype", None)
    entry = fields | {b"data": data} | ({b"datacontenttype": kind} if kind else {})
    message = encode(entry)
    assert decode(message.value, message.headers) == entry
    assert message.value == data
    assert message.key == fields.get(b"subject")
    assert len(message.headers) == len(entry) - 1
    assert all(name.startswith("ce_") for name, _ in message.headers if name != "content-type")


@given(FIELDS, st.dictionaries(st.text(max_size=20), st.binary(max_size=50), max_size=5))
def test_headers_of_others_are_no_attributes(fields: dict[bytes, bytes], others: dict[str, bytes]) -> None:
    fields.pop(b"datacontenttype", None)
    message = encode(fields | {b"data": b"{}"})
    foreign = {name: text for name, text in others.items() if name != "content-type" and not name.startswith("ce_")}
    assert decode(message.value, [*foreign.items(), *message.headers]) == fields | {b"data": b"{}"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_the_headers_of_each_sample_are_those_of_the_binding(sample: Path) -> None:
    document = orjson.loads(sample.read_bytes())
    data = orjson.dumps(document.pop("data"))
    fields = {name.encode(): str(text).encode() for name, text in document.items()} | {b"data": data}
    message = encode(fields)
    headers = dict(message.headers)
    assert headers["content-type"] == b"application/json"
    assert "ce_datacontenttype" not in headers
    assert {f"ce_{name}" for name in ATTRIBUTES} <= headers.keys()
    assert {name for name in document if name != "datacontenttype"} == {
        name.removeprefix("ce_") for name in headers
    } - {"content-type"}
    assert message.key == document["subject"].encode()
    event = parse("stock", "1-0", decode(message.value, message.headers))
    assert (event.id, event.subject, event.fields) == (document["id"], document["subject"], fields)


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\0b"])
def test_a_name_that_no_header_can_have_is_refused(name: bytes) -> None:
    with pytest.raises(ValueError, match="the name of an attribute"):
        encode({name: b"x", b"data": b"{}"})
