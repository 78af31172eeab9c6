"""Whatever comes from outside ends as a value of the right shape or as the error that is meant for it. By property."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import msgspec
import orjson
import pytest
from cryptography.fernet import Fernet
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from config import settings as configuration
from config.variables.sources import SettingsError
from shopstream import SyncClient, events, ids
from shopstream.enqueue.reasons import Reason
from shopstream.events import Event, InvalidEntry, parse
from shopstream.payloads.products import StateAt
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from tests.processes import sandbox, until, worker
from worker.changes import drafts as making
from worker.changes import product_changes as changes
from worker.changes.drafts import Cause
from worker.changes.normalized import Normalized, SkuStock
from worker.changes.product_records import State, View
from worker.marketplace.call_errors import CallError
from worker.marketplace.values import Grant
from worker.tiktok.auth import _grant
from worker.tiktok.decoding import Decoder, refusal
from worker.tiktok.http import Answer
from worker.tiktok.reading.answers import Inventory, Page, Product202309, ProductLegacy, Shops
from worker.tiktok.reading.normalize import product_snapshot
from worker.tiktok.reading.read_answers import ReadProduct, normalize_line, normalize_stock
from worker.tiktok.reading.sku_stock import inventory_stock

FERNET = Fernet.generate_key().decode()
HUGE = 10**30
# What JSON can say, and what some writers of JSON say though it can't.
texts = st.text(max_size=20) | st.sampled_from(
    ["", "0", "1731", "\x1f", "\x00", "\n\x1b[31m", "x" * 5_000, "9" * 5_000]
)
numbers = st.integers() | st.sampled_from([0, -1, 2**53, 2**63, 2**64, HUGE, -HUGE]) | st.floats(allow_nan=True)
scalars: st.SearchStrategy[Any] = st.none() | st.booleans() | numbers | texts
values = st.recursive(scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(texts, v, max_size=3), max_leaves=8)


def shaped(kind: type[msgspec.Struct], depth: int = 3) -> st.SearchStrategy[Any]:
    """Documents that mostly have the fields of `kind`, with anything in them: closer to the bone than pure noise."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for each in msgspec.structs.fields(kind):
        inner = _struct(each.type)
        likely = st.integers(1, 2**60) | st.sampled_from(["1731029337055922770", "17", "abc"])
        fields[each.encode_name] = st.one_of(likely, likely, values)
        if inner is not None and depth:
            child = shaped(inner, depth - 1)
            fields[each.encode_name] = st.one_of(child, st.lists(child, max_size=3), values)
    return st.fixed_dictionaries({}, optional=fields) | st.fixed_dictionaries(fields)


def _struct(hint: Any) -> type[msgspec.Struct] | None:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    return next((found for part in getattr(hint, "__args__", ()) if (found := _struct(part))), None)


def envelope(data: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    whole = st.fixed_dictionaries({"code": st.just(0) | values, "data": data, "message": values, "request_id": values})
    right = st.fixed_dictionaries({"code": st.just(0), "data": data})
    spoilt = st.binary(max_size=200) | whole.map(dumped).flatmap(_spoilt)
    return right.map(dumped) | right.map(dumped) | whole.map(dumped) | spoilt


def dumped(document: Any) -> bytes:
    """With NaN and integers of any size, as sloppy writers have them."""
    return json.dumps(document).encode()


def _spoilt(body: bytes) -> st.SearchStrategy[bytes]:
    at = st.integers(0, len(body))
    return st.builds(lambda i, noise: body[:i] + noise + body[i + len(noise) :], at, st.binary(max_size=3))


CAUSE = Cause("1", "https://s/shops/1", "request", "c", None, None, 1_700_000_000_000)


def check_published(snapshot: Normalized) -> None:
    """It can be compared, stored and told, and its parts can't be taken for others."""
    place = StateAt(key="k", field="f")
    state, drafts = changes.of_snapshot(None, snapshot, View(None, place))
    assert orjson.loads(orjson.dumps(state)) == state
    _, gone = changes.of_deletion(state, {"kind": "not_found", "code": 1}, View(1, place))
    for *head, data in making.encode((*drafts, *gone), CAUSE, "epoch"):
        assert all(str(text).isprintable() for text in head)
        assert len(data) <= events.DATA_LIMIT
        document = orjson.loads(data)
        for text in ("delta", "available"):
            assert document.get(text) is None or abs(document[text]) <= 2**54


def check_stock(stock: list[SkuStock] | None) -> None:
    """It can be stored and told."""
    state, drafts = changes.of_stock(None, "1", stock, View(None, {"key": "k", "field": "f"}), whole=True)
    assert orjson.loads(orjson.dumps(state)) == state
    assert all(len(event[-1]) <= events.DATA_LIMIT for event in making.encode(drafts, CAUSE, "epoch"))


def check_refused(refused: CallError) -> None:
    """It can be logged, and written into a dead letter."""
    orjson.dumps([refused.code, refused.message, refused.request_id])
    assert len(str(refused)) < 500
    assert str(refused).isprintable()


@settings(max_examples=60, deadline=None)
@given(envelope(shaped(Product202309)))
@example(b'{"code":0,"data":{"id":1,"title":"\xff"}}')
@example(b'{"code":0,"data":{"id":1,"main_images":[{"width":1%s}]}}' % (b"0" * 30))
@example(b'{"code":1%s,"data":{"id":1}}' % (b"0" * 30))
@example(
    dumped({"code": 0, "data": {"id": 1, "title": "x" * 100_000, "skus": [{"id": 1, "seller_sku": "y" * 70_000}]}})
)
@example(dumped({"code": 0, "data": {"id": 1, "skus": [{"id": "1\x1f2"}]}}))
@example(dumped({"code": 0, "data": {"id": 1, "skus": [{"id": 1, "inventory": [{"quantity": 1}] * 5_000}]}}))
def test_a_product_answer_is_published_or_refused(body: bytes) -> None:
    try:
        answer, request_id = Decoder(Product202309)(body)
        assert len(ReadProduct(answer).digest) == 16
        if ids.is_id(str(answer.id)):  # any other is not the one that was asked for, and refused by the client
            check_published(product_snapshot(answer))
    except CallError as refused:
        check_refused(refused)
    else:
        assert isinstance(request_id, str)


@settings(max_examples=50, deadline=None)
@given(shaped(Product202309).map(dumped), shaped(Product202309).map(dumped))
def test_any_answer_after_any_other_is_told_within_the_size_of_an_event(first: bytes, second: bytes) -> None:
    state: State | None = None
    for body in (first, second, first):
        try:
            snapshot = product_snapshot(Decoder(Product202309)(b'{"code":0,"data":' + body + b"}")[0])
        except CallError:
            continue
        state, drafts = changes.of_snapshot(state, snapshot, View(1, {"key": "k", "field": "f"}))
        assert all(len(event[-1]) <= events.DATA_LIMIT for event in making.encode(drafts, CAUSE, "epoch"))


@settings(max_examples=60, deadline=None)
@given(envelope(shaped(ProductLegacy)))
@example(dumped({"code": 0, "data": {"product_id": 1, "product_status": 10**25}}))
def test_a_legacy_answer_is_published_or_refused(body: bytes) -> None:
    try:
        answer, _ = Decoder(ProductLegacy)(body)
        if ids.is_id(str(answer.product_id)):
            check_published(product_snapshot(answer))
    except CallError as refused:
        check_refused(refused)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([Page, Inventory, Shops]), st.data())
def test_the_other_answers_are_read_or_refused(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    body = data.draw(envelope(shaped(kind)))
    try:
        answer, _ = Decoder(kind)(body)
    except CallError:
        return
    if isinstance(answer, Page):
        for raw in answer.products or ():
            with suppress(msgspec.DecodeError):
                check_published(product_snapshot(normalize_line(raw)))
    if isinstance(answer, Inventory):
        for raw in answer.inventory or ():
            with suppress(msgspec.DecodeError):
                check_stock(inventory_stock(normalize_stock(raw)))


@given(st.binary(max_size=100) | values.map(dumped))
def test_a_refusal_is_found_or_not(body: bytes) -> None:
    found = refusal(body)
    assert found is None or orjson.dumps(found.code)


grants = st.fixed_dictionaries(
    {
        "access_token": values | st.just("ROW_token"),
        "access_token_expire_in": values | st.integers(0, 2**40),
        "refresh_token": values | st.just("ROW_refresh"),
        "refresh_token_expire_in": values | st.integers(0, 2**40),
        "open_id": values | st.just("open"),
        "seller_name": values,
        "granted_scopes": values | st.lists(values, max_size=3),
    }
)


@settings(max_examples=120, deadline=None)
@given(envelope(grants | values), st.sampled_from([200, 200, 200, 401, 429, 500]))
@example(dumped({"code": 0, "data": {"access_token": "a\r\nb", "access_token_expire_in": 1, "open_id": "o"}}), 200)
@example(dumped({"code": 0, "data": {"access_token": "a", "access_token_expire_in": 1e300, "open_id": "o"}}), 200)
def test_a_token_answer_becomes_a_pair_that_can_be_kept_and_sent_or_is_refused(body: bytes, status: int) -> None:
    try:
        grant = _grant(Answer(status, {}, body), 0.0)
    except CallError as refused:
        check_refused(refused)
        return
    assert isinstance(grant, Grant)
    orjson.dumps({name: getattr(grant, name) for name in Grant.__slots__})  # a pair that can't be stored is lost
    assert grant.access_token.isascii()
    assert grant.access_token.isprintable()
    assert " " not in grant.access_token


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="0123456789./%?#&\\\x00\n\r \u0661\u00b2\uff11", min_size=1, max_size=25),
    st.sampled_from(
        ["../x", "%2e%2e%2f", "1?app_key=", "1#f", "1/../2", "", "1" * 22, "+1", "-1", "1_0", "0x1", "1\n", "\u0661"]
    ),
    st.integers(min_value=10**21),
    st.integers(max_value=-1),
    st.booleans() | st.none() | st.floats() | st.binary(max_size=10),
)


def is_id(value: object) -> bool:
    """The rule, written another way than in the code."""
    text = str(value) if type(value) is int and abs(value) < 10**40 else value
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    digits = isinstance(text, str) and 1 <= len(text) <= 21 and not set(text) - set("0123456789")
    return digits and not str(text).startswith("0")


@settings(max_examples=120, deadline=None)
@given(HOSTILE)
def test_an_id_is_1_to_21_ascii_digits_or_refused_in_one_short_line(value: object) -> None:
    if is_id(value):
        assert ids.check("product", value) == (value.decode() if isinstance(value, bytes) else str(value))
        return
    with pytest.raises(ids.InvalidId) as refused:
        ids.check("product", value)
    assert len(str(refused.value)) < 200
    assert str(refused.value).isprintable()


NAMES = ("id", "type", "source", "subject", "time", "shopid", "seq", "epoch", "origin", "causationid", "data")
RIGHT = dict.fromkeys(NAMES, b"1") | {"data": b"{}"}
entries = st.dictionaries(st.binary(max_size=5) | st.sampled_from(NAMES).map(str.encode), st.binary(max_size=20)) | (
    st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=20) | values.map(dumped)).map(
        lambda spoilt: {name.encode(): value for name, value in (RIGHT | spoilt).items()}
    )
)


@settings(max_examples=100, deadline=None)
@given(entries)
@example({name.encode(): value for name, value in (RIGHT | {"seq": b"9" * 5_000}).items()})
@example({name.encode(): value for name, value in (RIGHT | {"data": b"[" * 100_000}).items()})
def test_a_stream_entry_is_an_event_or_an_invalid_entry(fields: Mapping[bytes, bytes]) -> None:
    try:
        event = parse("s", "1-0", fields)
    except InvalidEntry as invalid:
        text = str(invalid)
    else:
        assert isinstance(event, Event)
        assert isinstance(event.data, dict)
        return
    assert "1-0" in text
    assert len(text) < 200


@given(st.binary(max_size=60) | values.map(dumped))
@example(b'{"origin": ["request"], "cause": "\\n"}')
def test_a_reason_given_by_anybody_is_used_only_if_it_is_one(stored: bytes) -> None:
    reason = Reason.from_json(stored)
    origins = {"initial", "webhook", "delta", "stock_poll", "request", "reconcile", "repair", None}
    assert reason.origin in origins
    assert Reason.from_json(reason.to_json()) == reason
    assert min(reason.again, reason.wait_ms) >= 0
    for text in (reason.cause or "x", reason.traceparent or "x"):
        assert text.isascii()
        assert text.isprintable()
        assert 1 <= len(text) <= 128


@given(st.binary(max_size=60) | values.map(dumped))
def test_a_registry_entry_is_a_shop_or_a_value_error(stored: bytes) -> None:
    try:
        shop = Shop.from_json(stored)
    except ValueError:
        return
    assert isinstance(shop.authorization, str)


FIELDS = (
    "REDIS_URL", "APP_KEY", "APP_SECRET", "TOKEN_KEYS", "API_URL", "AUTH_URL", "API_GENERATION", "INSTANCE",
    "PARTITIONS", "PACING_START_RATE", "PACING_MIN_RATE", "PACING_MAX_RATE", "SLOTS", "RETENTION_HOURS",
    "STREAM_MAX_ENTRIES", "LOG_FORMAT",
)  # fmt: skip
CANARY = "cAnAry-7f3a"
variables = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["", "1", "nan", "inf", "-1", "1e9", "json", "http://127.0.0.1:1", "https://a.example", "http://[", "https://a:b/"]
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), variables))
@example({"REDIS_URL": f"redis://:{CANARY}/x@host:6379/0"})
@example({"REDIS_URL": f"redis://:{CANARY}@host:sixthousand/0"})
@example({"REDIS_URL": f"http://:{CANARY}@host/0"})
@example({"REDIS_URL": f"redis://:{CANARY}@host/zero"})
@example({"REDIS_URL": f"rediss://:{CANARY}@host/0?ssl_cert_reqs=none"})
@example({"REDIS_URL": f"rediss://:{CANARY}@host/0?ssl_check_hostname=false"})
@example({"API_URL": f"https://{CANARY}@host"})
@example({"API_URL": "https://host:99999"})
@example({"API_URL": "https://host/path"})
@example({"API_URL": "https://ho st"})
def test_settings_are_right_or_refused_line_by_line_without_their_values(changed: dict[str, str]) -> None:
    right = {"APP_KEY": "k", "APP_SECRET": CANARY, "TOKEN_KEYS": FERNET}
    environment = {f"SHOPSTREAM_{name}": value for name, value in (right | changed).items()}
    with patch.dict(os.environ, environment, clear=True):
        try:
            loaded = configuration.load()
        except SettingsError as error:
            refused = str(error)
        else:
            refused = ""
    assert CANARY not in refused
    assert FERNET not in refused
    assert all(line.startswith(("SHOPSTREAM_", "settings")) for line in refused.splitlines())
    if refused:
        return
    assert CANARY not in repr(loaded)
    for url in (loaded.api_url, loaded.auth_url):
        assert url.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]"))
        assert url.count("/") == 2
    assert loaded.pacing_min_rate <= loaded.pacing_start_rate <= loaded.pacing_max_rate
    assert loaded.redis().startswith(("redis://", "rediss://", "unix://"))
    assert "ssl_" not in loaded.redis().replace("ssl_ca_", "")


async def test_a_damaged_registry_entry_is_said_and_stops_nobody_else(redis: Redis, redis_url: str) -> None:
    partition, damaged = Partition(0), '"status":"active" and then nothing of ours'
    async with sandbox("--shops", "1", "--products", "3") as front, SyncClient(redis_url) as client:
        await redis.hset(partition.registry, "77", damaged)  # type: ignore[misc]
        async with worker(front.env(redis_url)) as running:
            await front.authorize(client)
            shop = front.shops[0]["shop_id"]
            ids = (await front.see(f"shops/{shop}/products"))["products"]
            asked = await client.sync_products(shop, ids)
            await redis.zadd(partition.backlog("products", "77"), {"1": 1})
            await redis.zadd(partition.due, {"products:77": 0})
            assert not (await client.wait(asked, timeout=60)).dead
            assert (await running.logged("registry_unreadable"))["shop"] == "77"
            await until(lambda: redis.xlen(partition.stream("dead")))
            (letter,) = [fields for _, fields in await redis.xrange(partition.stream("dead"))]
            assert json.loads(letter[b"data"])["error_class"] == "unknown_shop"
