"""A backup is whole or refused in one line, and an import never harms what is there."""

import hashlib
import io
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream.authorizations.issuer import Issuer
from shopstream.backup.backup_file import BackupReader, write_whole
from shopstream.backup.exporting import export_all
from shopstream.backup.importing import import_all
from shopstream.errors import BackupRefused, Moved
from shopstream.redis.deployment_keys import ARRIVAL, MOVE, PARTITIONS, PAUSED
from shopstream.redis.keys import partition_for
from shopstream.redis.partition_count import MoveMark
from shopstream.registry.shop import Shop
from shopstream.registry.shop_of_apps import OtherConsent, ShopOfApps, list_views
from tests.commands.running import command
from tests.processes import settle

FERNET = Fernet(Fernet.generate_key())
ISSUER = Issuer("app-1", "https://api", "https://auth").to_json()
NOW = int(time.time())
SHOPS = [f"74950000000010000{number:02}" for number in range(6)]


def name_of(number: int) -> str:
    return f"{number:016x}"


def sealed(at: int = NOW) -> str:
    return FERNET.encrypt_at_time(b"pair", at).decode()


async def fill(redis: Redis, partitions: int = 1, *, at: int = NOW, state: str = "active") -> None:
    """Authorize six shops of three sellers; the first shop is paused, and so is everything."""
    await settle(redis, partitions)
    for number, shop in enumerate(SHOPS):
        name = name_of(number // 2)
        record = {
            "pair": sealed(at), "ciphers": sealed(at), "version": 3, "fence": 5, "pair_fence": 5, "state": state,
            "issuer": ISSUER, "issued": f"3:{at}", "lock_until": 1, "called_at": 1,
        }  # fmt: skip
        await redis.hset(partition_for(name, partitions).token(name), mapping=record)  # type: ignore[misc]
        status: Any = "active" if state == "active" else "reauthorization_required"
        entry = Shop(
            shop_id=shop, name="A", region="GB", seller_type="", authorization=name, status=status, reason=None,
            since="2026-01-01T00:00:00Z", refresh_expires_at=0,
        )  # fmt: skip
        await redis.hset(partition_for(shop, partitions).registry, shop, entry.to_json())  # type: ignore[misc]
        await redis.hset(partition_for(f"o{number}", partitions).sellers, f"o{number}", f'["{shop}"]')  # type: ignore[misc]
    await redis.hset(partition_for(SHOPS[0], partitions).settings, SHOPS[0], '{"paused":true}')  # type: ignore[misc]
    await redis.set(PAUSED, 5)


async def backup(redis: Redis) -> io.BytesIO:
    file = io.BytesIO()
    await export_all(redis, file)
    file.seek(0)
    return file


def sign(*documents: object) -> io.BytesIO:
    """Make a file of these lines with a right checksum."""
    body = b"".join(orjson.dumps(one) + b"\n" for one in documents)
    end = {"kind": "end", "lines": len(documents), "sha256": hashlib.sha256(body).hexdigest()}
    return io.BytesIO(body + orjson.dumps(end) + b"\n")


async def dump(redis: Redis) -> dict[bytes, Any]:
    return {key: await redis.dump(key) async for key in redis.scan_iter()}


@pytest.mark.parametrize("partitions", [1, 7])
async def test_what_was_exported_is_there_again_on_any_number_of_partitions(redis: Redis, partitions: int) -> None:
    await fill(redis, 3)
    file = await backup(redis)
    await redis.flushall()
    await redis.set(PARTITIONS, partitions)
    before = await dump(redis)
    rehearsed = await import_all(redis, file, dry_run=True)
    assert await dump(redis) == before
    file.seek(0)
    done = await import_all(redis, file)
    assert done == rehearsed
    assert (done.authorizations.taken, done.shops.taken, done.settings.taken, done.sellers.taken) == (3, 6, 1, 6)
    assert done.paused
    assert await redis.get(PAUSED) == b"5"
    for number, shop in enumerate(SHOPS):
        home, name = partition_for(shop, partitions), name_of(number // 2)
        assert json.loads(await redis.hget(home.registry, shop) or "")["authorization"] == name  # type: ignore[misc]
        assert await redis.zscore(home.due, f"retry:{shop}") == 0
        record = await redis.hgetall(partition_for(name, partitions).token(name))  # type: ignore[misc]
        assert record[b"version"] == b"1003"
        assert record[b"issued"] == f"1003:{NOW}".encode()
        assert record[b"fence"] == record[b"pair_fence"] == b"6"
        assert not {b"lock_until", b"called_at"} & record.keys()
        assert await redis.zscore(partition_for(name, partitions).due, f"refresh:{name}") == 0
    file.seek(0)
    again = await import_all(redis, file)
    assert (again.authorizations.kept, again.shops.kept, again.settings.kept, again.sellers.kept) == (3, 6, 1, 6)
    assert again.authorizations.taken == again.shops.taken == 0


async def test_an_empty_redis_gets_the_backups_number_of_partitions(redis: Redis) -> None:
    await fill(redis, 3)
    file = await backup(redis)
    await redis.flushall()
    await import_all(redis, file)
    assert await redis.get(PARTITIONS) == b"3"


async def test_a_newer_pair_is_kept_and_an_older_one_replaced(redis: Redis) -> None:
    await fill(redis, at=NOW - 100)
    file = await backup(redis)
    await redis.flushall()
    await fill(redis, at=NOW)
    before = await dump(redis)
    assert (await import_all(redis, file)).authorizations.kept == 3
    assert await dump(redis) == before
    newer = await backup(redis)
    await redis.flushall()
    await fill(redis, at=NOW - 200, state="reauthorization_required")
    done = await import_all(redis, newer)
    assert (done.authorizations.taken, done.shops.taken) == (3, 6), "shops that waited for a consent go on"
    entry = json.loads(await redis.hget(partition_for(SHOPS[0], 1).registry, SHOPS[0]) or "")  # type: ignore[misc]
    assert entry["status"] == "active"


async def test_a_pair_without_its_moment_counts_from_its_sealing(redis: Redis) -> None:
    """A worker of an older version has stored a newer pair beside the moment of an older one."""
    await fill(redis, at=NOW - 100)
    file = await backup(redis)
    for number in range(3):
        key = partition_for(name_of(number), 1).token(name_of(number))
        await redis.hset(key, mapping={"pair": sealed(NOW), "version": 4})  # type: ignore[misc]
    assert (await import_all(redis, file)).authorizations.kept == 3


async def test_a_pair_that_a_worker_renews_is_refused(redis: Redis) -> None:
    await fill(redis)
    file = await backup(redis)
    await fill(redis, at=NOW - 50)
    key = partition_for(name_of(0), 1).token(name_of(0))
    await redis.hset(key, "lock_until", str(((await redis.time())[0] + 44) * 1000))  # type: ignore[misc]
    done = await import_all(redis, file)
    assert (done.authorizations.taken, done.authorizations.refused) == (2, 1)


async def test_a_shop_without_tokens_is_refused_and_a_damaged_record_left_out(redis: Redis) -> None:
    await fill(redis)
    await redis.hset(partition_for(name_of(0), 1).token(name_of(0)), "pair", "\x00")  # type: ignore[misc]
    await redis.hset(partition_for("x", 1).registry, "x", "no JSON")  # type: ignore[misc]
    file = io.BytesIO()
    assert (await export_all(redis, file)).damaged == 2
    await redis.flushall()
    file.seek(0)
    done = await import_all(redis, file)
    assert (done.shops.taken, done.shops.refused) == (4, 2)


async def test_a_backup_of_another_app_is_refused(redis: Redis) -> None:
    await fill(redis)
    file = await backup(redis)
    await redis.flushall()
    await settle(redis)
    before = await dump(redis)
    with pytest.raises(BackupRefused, match=r"of app app-1, and this deployment has app app-2"):
        await import_all(redis, file, apps=["app-2"])
    assert await dump(redis) == before
    file.seek(0)
    assert (await import_all(redis, file, apps=["app-1", "app-2"])).authorizations.taken == 3


HEAD = {"kind": "shopstream-backup", "version": 1, "shopstream": "0.3", "made_at": "x", "partitions": 1}
WHOLE = sign(
    HEAD,
    {"kind": "paused", "since_ms": 5},
    {"kind": "settings", "shop_id": SHOPS[0], "settings": '{"paused":true}'},
    {"kind": "seller", "open_id": "o", "shops": [SHOPS[0]]},
    {"kind": "authorization", "id": name_of(1), "fields": {
        "pair": sealed(), "version": "1", "fence": "1", "pair_fence": "1", "state": "active", "issuer": ISSUER}},
).getvalue()  # fmt: skip


def refuse(content: bytes) -> str:
    with pytest.raises(BackupRefused) as caught:
        list(BackupReader(io.BytesIO(content)))
    assert "\n" not in str(caught.value)
    assert sealed()[:20] not in str(caught.value)
    return str(caught.value)


@given(at=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255))
def test_a_changed_byte_is_refused(at: int, value: int) -> None:
    if WHOLE[at] != value:
        refuse(WHOLE[:at] + bytes([value]) + WHOLE[at + 1 :])


@given(at=st.integers(0, len(WHOLE) - 1))
def test_a_cut_file_is_refused(at: int) -> None:
    refuse(WHOLE[:at])


@given(data=st.data())
def test_lines_that_are_left_out_doubled_or_in_another_order_are_refused(data: st.DataObject) -> None:
    lines = WHOLE.splitlines(keepends=True)
    chosen = data.draw(st.lists(st.sampled_from(lines), max_size=8))
    if chosen != lines:
        refuse(b"".join(chosen))


@given(content=st.binary(max_size=200))
def test_another_file_is_refused(content: bytes) -> None:
    refuse(content)
    refuse(WHOLE + (content or b"x"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
KINDS = st.sampled_from(["authorization", "shop", "settings", "seller", "paused", "end", "x"])
NAMES = st.sampled_from(["id", "fields", "entry", "shop_id", "settings", "open_id", "shops", "since_ms", "lines"])


@given(kind=KINDS, parts=st.dictionaries(NAMES, JSON), head=st.dictionaries(st.sampled_from(sorted(HEAD)), JSON))
def test_wrong_lines_under_a_right_checksum_are_refused_without_another_error(
    kind: str, parts: dict[str, Any], head: dict[str, Any]
) -> None:
    for documents in ((HEAD, {"kind": kind, **parts}), ({**HEAD, **head},), (HEAD, parts)):
        with suppress(BackupRefused):
            list(BackupReader(sign(*documents)))


def test_each_fault_is_named() -> None:
    assert "another version" in refuse(sign({**HEAD, "version": 2}).getvalue())
    assert "no backup of shopstream" in refuse(b'{"kind":"other"}\n')
    assert "not whole" in refuse(WHOLE[:-20])
    assert "checksum" in refuse(WHOLE.replace(b'"since_ms":5', b'"since_ms":6'))
    assert "behind the end" in refuse(WHOLE + WHOLE)
    entry = '{"authorization":"../x","shop_id":"1"}'
    assert "shop" in refuse(sign(HEAD, {"kind": "shop", "entry": entry}).getvalue())


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "backup"
    with write_whole(place) as file:
        file.write(b"one")
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"one", 0o600)
    with suppress(ZeroDivisionError), write_whole(place) as file:
        file.write(b"two")
        raise ZeroDivisionError
    assert [one.name for one in tmp_path.iterdir()] == ["backup"]
    assert place.read_bytes() == b"one"
    with pytest.raises(BackupRefused, match="can't be written"), write_whole(tmp_path / "none" / "backup"):
        pass
    with pytest.raises(BackupRefused, match="can't be written"), write_whole(Path("/dev/full/backup")):
        pass


async def test_the_commands_end_in_one_line(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    await fill(redis)
    place = str(tmp_path / "backup")
    done = await command(redis_url, "export", place)
    assert (done.code, done.out) == (0, f"3 authorizations, 6 shops, 1 settings, 6 sellers in {place}\n")
    streamed = await command(redis_url, "export", "-")
    assert streamed.code == 0
    await redis.flushall()
    shown = await command(redis_url, "import", "-", "--json", stdin=streamed.out)
    (document,) = shown.documents
    assert document["authorizations"] == {"taken": 3, "kept": 0, "refused": 0}
    for wrong in (str(tmp_path), str(tmp_path / "none")):
        refused = await command(redis_url, "import", wrong)
        assert (refused.code, len(refused.err.splitlines())) == (1, 1)
    refused = await command(redis_url, "import", place, "--app-key", "app-2")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert (await command(redis_url, "export", "/dev/null/x")).code == 1


def of_apps(*consents: tuple[str, str]) -> str:
    """The entry of a shop with consents to apps, the leading one first."""
    also = [OtherConsent(name, app, "active", None, "2026-01-01T00:00:00Z", 0) for app, name in consents[1:]]
    app, name = consents[0]
    shop = ShopOfApps(SHOPS[0], "A", "GB", "", name, "active", None, "2026-01-01T00:00:00Z", 0, app=app, also=also)
    return shop.to_json()


async def export_two_apps(redis: Redis) -> io.BytesIO:
    """Export a shop with consents to two apps, the first and the third authorization."""
    await fill(redis)
    await redis.hset(partition_for(SHOPS[0], 1).registry, SHOPS[0], of_apps(("", name_of(0)), ("second", name_of(2))))  # type: ignore[misc]
    file = await backup(redis)
    await redis.flushall()
    return file


async def test_a_consent_to_a_second_app_comes_back_beside_a_new_one_to_the_first(redis: Redis) -> None:
    """The seller has consented to one app again after the loss, before the import."""
    file = await export_two_apps(redis)
    home = partition_for(SHOPS[0], 1)
    await settle(redis)
    await redis.hset(home.registry, SHOPS[0], of_apps(("", name_of(0))))  # type: ignore[misc]
    done = await import_all(redis, file)
    assert (done.shops.kept, done.shops.taken) == (1, 5)
    assert await redis.hget(home.registry, SHOPS[0]) == of_apps(("", name_of(0))).encode()  # type: ignore[misc]
    # A worker adds the consent by a list of its shops, and until then leaves its tokens alone.
    assert await redis.zscore(home.due, f"list:{name_of(2)}") == 0
    assert await redis.zscore(home.due, f"list:{name_of(0)}") is None


async def test_a_shop_comes_back_by_either_of_its_apps(redis: Redis) -> None:
    file = await export_two_apps(redis)
    home = partition_for(SHOPS[0], 1)
    gone = of_apps(("", name_of(0)), ("second", name_of(2))).replace('"active"', '"deauthorized"')
    await settle(redis)
    await redis.hset(home.registry, SHOPS[0], gone)  # type: ignore[misc]
    assert (await import_all(redis, file)).shops.taken == 6
    stored = ShopOfApps.from_json(await redis.hget(home.registry, SHOPS[0]))  # type: ignore[misc]
    assert [(view.app, view.status) for view in list_views(stored)] == [("", "active"), ("second", "active")]


async def test_neither_side_of_a_move_takes_a_backup(redis: Redis) -> None:
    """The tokens of the source are copied already, and the number of partitions would open the target."""
    await fill(redis)
    exported = await backup(redis)
    await redis.set(MOVE, MoveMark("ab", "redis://127.0.0.1:1/0", 17, 1).to_json())
    with pytest.raises(Moved, match="is being moved to"):
        await import_all(redis, exported)
    await redis.flushall()
    await redis.set(ARRIVAL, b'{"id":"ab","step":"copying","keys":0}')
    with pytest.raises(BackupRefused, match="is being moved to this Redis"):
        await import_all(redis, exported)
    assert await redis.get(PARTITIONS) is None
