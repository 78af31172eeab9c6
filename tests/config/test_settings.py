from pathlib import Path

import pytest

from config.app_list import read_apps
from config.settings import load
from config.variables.secret import Secret
from config.variables.sources import SettingsError

NEEDED = {"APP_KEY": "key", "APP_SECRET": "secret-canary", "TOKEN_KEYS": "keys"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("SHOPSTREAM_LOG_LEVEL", raising=False)
    for name, value in NEEDED.items():
        monkeypatch.setenv(f"SHOPSTREAM_{name}", value)
    return monkeypatch


def test_logs_begin_at_info_unless_the_environment_says_otherwise(environment: pytest.MonkeyPatch) -> None:
    assert load().log_level == "info"
    for level in ("debug", "info", "warning", "error"):
        environment.setenv("SHOPSTREAM_LOG_LEVEL", level)
        assert load().log_level == level


@pytest.mark.parametrize("level", ["loud", "", "10"])
def test_a_level_that_is_none_is_one_line_that_names_the_setting_and_the_levels(
    environment: pytest.MonkeyPatch, level: str
) -> None:
    environment.setenv("SHOPSTREAM_LOG_LEVEL", level)
    with pytest.raises(SettingsError) as error:
        load()
    (line,) = str(error.value).splitlines()
    assert line.startswith("SHOPSTREAM_LOG_LEVEL: ")
    assert "'debug', 'info', 'warning' or 'error'" in line


@pytest.fixture
def folder(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A working directory with a file that holds an app secret; the environment has none."""
    environment.chdir(tmp_path)
    environment.delenv("SHOPSTREAM_APP_SECRET")
    (tmp_path / "secret").write_text("of-the-file\n")
    return tmp_path


def read_secret() -> str:
    return load().app_secret.reveal()


def test_a_setting_may_be_in_a_file_that_the_environment_or_env_names(
    environment: pytest.MonkeyPatch, folder: Path
) -> None:
    (folder / ".env").write_text("SHOPSTREAM_APP_SECRET_FILE=secret\n")
    assert read_secret() == "of-the-file"
    environment.setenv("SHOPSTREAM_APP_SECRET_FILE", str(folder / "secret"))
    (folder / ".env").write_text("SHOPSTREAM_APP_SECRET=of-dot-env\n")
    assert read_secret() == "of-the-file", "the environment outweighs .env, whichever way it names the value"
    environment.delenv("SHOPSTREAM_APP_SECRET_FILE")
    environment.setenv("SHOPSTREAM_APP_SECRET", "of-the-environment")
    (folder / ".env").write_text("SHOPSTREAM_APP_SECRET_FILE=gone\n")
    assert read_secret() == "of-the-environment", "a file that nobody needs may be missing"


@pytest.mark.parametrize("place", ["gone", "", "secret"])
def test_a_file_that_is_no_secret_is_one_line(environment: pytest.MonkeyPatch, folder: Path, place: str) -> None:
    environment.setenv("SHOPSTREAM_APP_SECRET_FILE", place)
    if place == "secret":
        (folder / "secret").write_text("\n")
    with pytest.raises(SettingsError) as error:
        load()
    (line,) = str(error.value).splitlines()
    assert line.startswith("SHOPSTREAM_APP_SECRET")
    expected = {"gone": "can't be read (No such file or directory): gone", "": "is missing", "secret": "is empty"}
    assert expected[place] in line


def test_a_value_and_a_file_are_one_too_many(environment: pytest.MonkeyPatch, folder: Path) -> None:
    environment.setenv("SHOPSTREAM_APP_SECRET", "canary-71c2")
    environment.setenv("SHOPSTREAM_APP_SECRET_FILE", str(folder / "secret"))
    with pytest.raises(SettingsError, match="set one of the two") as error:
        load()
    assert "canary" not in str(error.value)


def test_a_queue_by_sentinels_gets_their_credentials_too(environment: pytest.MonkeyPatch) -> None:
    assert load().queue() == load().redis()
    environment.setenv("SHOPSTREAM_SENTINEL_PASSWORD", "sentinel-canary")
    environment.setenv("SHOPSTREAM_QUEUE_URL", "redis+sentinel://s1:26379,s2:26379/queue")
    settings = load()
    assert "sentinel-canary" in settings.queue()
    assert "sentinel-canary" in settings.redis_passwords(), "so that the log hides it"
    assert "sentinel-canary" not in repr(settings)
    environment.setenv("SHOPSTREAM_QUEUE_URL", "http://queue")
    with pytest.raises(SettingsError, match=r"^SHOPSTREAM_QUEUE_URL: must begin with"):
        load()


def test_further_apps_have_names_keys_and_secrets_that_no_text_shows() -> None:
    listed = Secret("second:key2:old-canary+new-canary:7301, third:key3:third-canary")
    second, third = read_apps(listed, "key1")
    assert (second.name, second.key, second.secrets, second.service_id) == (
        "second", "key2", ("old-canary", "new-canary"), "7301",
    )  # fmt: skip
    assert (third.secrets, third.service_id) == (("third-canary",), "")
    assert "canary" not in repr((second, third))


@pytest.mark.parametrize(
    "wrong",
    [
        "second", "second:key", "Second:key:canary", "default:key:canary", "a:key1:canary", "a:k:canary,a:l:canary",
        "a:k:canary,b:k:canary", "a:k:canary+", "a:k:canary:not-a-number", "a:k::7",
    ],
)  # fmt: skip
def test_an_app_that_can_not_be_meant_is_refused_without_its_secret(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"must be|has a") as refused:
        read_apps(Secret(wrong), "key1")
    assert "canary" not in str(refused.value)
