"""Variables become settings, or a line each that names the setting and the values that it takes."""

from pathlib import Path

import pytest

from config.gateway_settings import GatewaySettings
from config.settings import Settings
from config.variables.reading import read
from config.variables.secret import Secret
from config.variables.sources import SettingsError, read_variables

RIGHT = {"app_key": "key", "app_secret": "secret-canary", "token_keys": "keys"}


def refuse(**changed: str) -> list[str]:
    """Give the lines about wrong settings."""
    with pytest.raises(SettingsError) as refused:
        read(Settings, RIGHT | changed)
    return str(refused.value).splitlines()


@pytest.mark.parametrize(
    ("name", "wrong", "complaint"),
    [
        ("slots", "0", "must be a whole number, 1 to 1,000"),
        ("slots", "1_0", "must be a whole number, 1 to 1,000"),
        ("slots", "10 ", "must be a whole number, 1 to 1,000"),
        ("slots", "", "must be a whole number, 1 to 1,000"),
        ("slots", "1.5", "must be a whole number, 1 to 1,000"),
        ("pacing_start_rate", "0", "must be a number, more than 0 to 100,000"),
        ("pacing_start_rate", "nan", "must be a number, more than 0 to 100,000"),
        ("pacing_start_rate", "fast", "must be a number, more than 0 to 100,000"),
        ("health_port", "65536", "must be a whole number, 1 to 65,535"),
        ("api_generation", "202501", "must be '202309' or 'legacy'"),
        ("tracing", "", "must be 'on' or 'off'"),
        ("tracing", "null", "must be 'on' or 'off'"),
        ("health_port", "null", "must be a whole number, 1 to 65,535"),
        ("app_key", "", "is empty"),
        ("app_secret", "", "is empty"),
        ("app_secret", " , ", "must be one secret, or several by commas"),
        ("token_keys", "", "is empty"),
        ("health_host", "", "is empty"),
        ("instance", "Shop Stream", "must match ^[a-z0-9.-]{1,100}$"),
        ("instance", "shopstream.local\n", "must match ^[a-z0-9.-]{1,100}$"),
        ("api_url", "http://example.com", "plain http:// is only for the loopback: secrets would cross the network"),
    ],
)
def test_a_wrong_value_is_a_line_that_says_what_is_right(name: str, wrong: str, complaint: str) -> None:
    (line,) = refuse(**{name: wrong})
    assert line.startswith(f"SHOPSTREAM_{name.upper()}: {complaint}")
    assert line.endswith("set it in the environment or in .env (see config/example.env)")


def test_all_that_is_wrong_is_named_at_once_without_a_value() -> None:
    lines = refuse(slots="canary-1", app_secret="canary 2", redis_url="canary-3", apps="canary-4", app_key="")
    assert [line.partition(":")[0].removeprefix("SHOPSTREAM_") for line in lines] == [
        "REDIS_URL", "APP_KEY", "APP_SECRET", "APPS", "SLOTS",
    ]  # fmt: skip
    assert "canary" not in "".join(lines)


def test_what_is_wrong_with_two_together_is_named() -> None:
    (line,) = refuse(pacing_min_rate="5", pacing_max_rate="1")
    assert "SHOPSTREAM_PACING_MIN_RATE, SHOPSTREAM_PACING_START_RATE, SHOPSTREAM_PACING_MAX_RATE" in line
    (line,) = refuse(redis_url="redis+cluster://a:1,b:2")
    assert "SHOPSTREAM_QUEUE_URL is required beside a cluster" in line
    (line,) = refuse(apps="default:other:canary")
    assert line.startswith("SHOPSTREAM_APPS: has a name twice")


def test_numbers_words_and_defaults_have_their_types() -> None:
    found = read(Settings, RIGHT | {"slots": "1000", "tombstone_days": "1.5", "log_format": "json", "partitions": "2"})
    assert (found.slots, found.tombstone_days, found.log_format, found.partitions) == (1_000, 1.5, "json", 2)
    assert (found.pacing_start_rate, found.health_port, found.queue_url) == (10.0, None, Secret(""))
    assert read(GatewaySettings, RIGHT | {"metrics_shops": "0"}).metrics_shops == 0


def test_the_environment_outweighs_env_and_names_may_be_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("shopstream_slots=3\nSHOPSTREAM_LOG_LEVEL=debug\nSLOTS=5\n")
    monkeypatch.setenv("SHOPSTREAM_LOG_LEVEL", "error")
    monkeypatch.delenv("SHOPSTREAM_SLOTS", raising=False)
    found = read_variables()
    assert (found["slots"], found["log_level"]) == ("3", "error")
    monkeypatch.setenv("SHOPSTREAM_SLOTS_FILE", "")
    assert read_variables()["slots"] == "3", "an empty name names no file"
    (tmp_path / "slots").write_text("7\n")
    monkeypatch.setenv("SHOPSTREAM_SLOTS_FILE", "slots")
    assert read_variables()["slots"] == "7"


def test_a_secret_shows_itself_to_who_asks_alone() -> None:
    settings = read(Settings, RIGHT)
    for text in (repr(settings), str(settings.app_secret), f"{settings.app_secret}", repr([settings.token_keys])):
        assert "canary" not in text
        assert "keys'" not in text
    assert settings.app_secret.reveal() == "secret-canary"
    assert settings.app_secret == Secret("secret-canary") != Secret("other")
