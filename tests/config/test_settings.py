import pytest

from config.settings import Settings, SettingsError, load

NEEDED = {"APP_KEY": "key", "APP_SECRET": "secret-canary", "TOKEN_KEYS": "keys"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("SHOPSTREAM_LOG_LEVEL", raising=False)
    for name, value in NEEDED.items():
        monkeypatch.setenv(f"SHOPSTREAM_{name}", value)
    return monkeypatch


def test_logs_begin_at_info_unless_the_environment_says_otherwise(environment: pytest.MonkeyPatch) -> None:
    assert load().log_level == Settings.model_fields["log_level"].default == "info"
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
