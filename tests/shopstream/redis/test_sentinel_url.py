"""The URL of a primary that Sentinels watch: its parts, and a line for each fault, without the password."""

from pathlib import Path

import pytest
from redis.asyncio.connection import parse_url

from config.settings import load
from config.variables.sources import SettingsError
from shopstream import SyncClient
from shopstream.redis.sentinel.sentinel_url import parse_sentinel_url

CANARY = "canary%2F71"


def test_hosts_name_database_and_both_credentials_are_read() -> None:
    url = f"redis+sentinel://user:{CANARY}@one:1,[::1],three:3/shop/2?health_check_interval=5"
    read = parse_sentinel_url(url, {"SHOPSTREAM_SENTINEL_USERNAME": "s", "SHOPSTREAM_SENTINEL_PASSWORD": "p w"})
    assert (read.hosts, read.name) == ((("one", 1), ("::1", 26379), ("three", 3)), "shop")
    assert (read.username, read.password) == ("s", "p w")
    primary = parse_url(read.primary)
    assert (primary["username"], primary["password"], primary["db"]) == ("user", "canary/71", 2)
    assert dict(primary)["health_check_interval"] == 5
    assert "canary" not in repr(read)
    assert "p w" not in repr(read)
    assert parse_sentinel_url("rediss+sentinel://one/shop", {}).primary == "rediss://one:26379/0"


FAULTS = {
    "redis+sentinel://u:{}@one:1,two:2": "names no primary",
    "redis+sentinel://u:{}@one:1,two:2/": "names no primary",
    "redis+sentinel://u:{}@/shop": "names no Sentinel",
    "redis+sentinel:///shop": "names no Sentinel",
    "redis+sentinel://u:{}@one:1,,two:2/shop": "has a host that is none",
    "redis+sentinel://u:{}@one:x/shop": "has a host that is none",
    "redis+sentinel://u:{}@one:70000/shop": "has a host that is none",
    "redis+sentinel://u:{}@one/shop/first": "has a database that is no number",
    "redis+sentinel://u:{}#@one/shop": "is no URL of Sentinels",
    "redis+sentinel://u:1?{}@one/shop": "is no URL of Sentinels",
    "redis+sentinel://{}@one/shop": "is no URL of Sentinels",
    "redis+sentinel://u:{}@[one/shop": "has a host that is none",
}


@pytest.mark.parametrize("url", FAULTS)
def test_a_wrong_url_is_a_line_without_the_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = url.format(CANARY)
    with pytest.raises(ValueError, match=FAULTS[url]) as caught:
        SyncClient(written)
    for name in ("APP_KEY", "APP_SECRET", "TOKEN_KEYS"):
        monkeypatch.setenv(f"SHOPSTREAM_{name}", "x")
    monkeypatch.setenv("SHOPSTREAM_REDIS_URL", written)
    with pytest.raises(SettingsError, match=f"SHOPSTREAM_REDIS_URL: {FAULTS[url]}") as refused:
        load()
    for error in (caught.value, refused.value):
        assert "canary" not in str(error)
        assert "\n" not in str(error)


def test_sentinels_password_may_be_in_a_file_for_clients_and_for_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("of&the=file\n")
    url = "redis+sentinel://one,two/shop"
    named = {"SHOPSTREAM_SENTINEL_USERNAME": "s", "SHOPSTREAM_SENTINEL_PASSWORD_FILE": str(file)}
    assert parse_sentinel_url(url, named).password == "of&the=file"
    with pytest.raises(ValueError, match="SHOPSTREAM_SENTINEL_PASSWORD_FILE names a file that can't be read"):
        parse_sentinel_url(url, {"SHOPSTREAM_SENTINEL_PASSWORD_FILE": str(tmp_path / "gone")})
    needed = {f"SHOPSTREAM_{name}": "x" for name in ("APP_KEY", "APP_SECRET", "TOKEN_KEYS")}
    for name, value in {"SHOPSTREAM_REDIS_URL": url, **needed, **named}.items():
        monkeypatch.setenv(name, value)
    settings = load()
    # A process passes them on with the URL: it may have read them from `.env`, which no environment shows.
    read = parse_sentinel_url(settings.redis(), {})
    assert (read.username, read.password) == ("s", "of&the=file")
    assert "of&the=file" in settings.redis_passwords()
    assert "sentinel" not in read.primary
    assert "of&the=file" not in repr(settings)
