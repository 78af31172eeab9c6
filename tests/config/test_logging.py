import json
import subprocess
import sys

import pytest

from config.logging import GONE, Redactor


def clean(**event: object) -> dict[str, object]:
    return dict(Redactor(["app-secret-canary"])(None, "info", dict(event)))


@pytest.mark.parametrize(
    "key", ["access_token", "app_secret", "password", "shop_cipher", "Cookie", "refresh_token", "sign"]
)
def test_a_secret_by_its_key(key: str) -> None:
    assert clean(**{key: "canary"}) == {key: GONE}


@pytest.mark.parametrize(
    "text",
    [
        "GET https://host/p?app_key=1&sign=canary0&access_token=canary1&x=2",
        '{"refresh_token": "canary2", "a": 1}',
        "x-tts-access-token: canary3",
        "token ROW_canary4-abcdefgh_ijk in a sentence",
        "redis://user:canary5@host:6379/0",
        "the app-secret-canary itself",
    ],
)
def test_a_secret_inside_of_a_text_under_any_key(text: str) -> None:
    line = json.dumps(clean(event=text, nested={"list": [text]}))
    assert "canary" not in line
    assert GONE in line


def test_what_is_no_secret_stays() -> None:
    event = {"event": "drained", "shop": "7495", "ms": 5, "ok": True, "none": None}
    assert clean(**event) == event


def test_a_line_stays_a_line_and_short_whatever_is_logged() -> None:
    code = "from config import logging as l; import structlog; l.setup('json'); log = structlog.get_logger();"
    code += "log.warning('a\\nb\\x1b[31m', big='x' * 10**6);"
    code += "import logging; logging.getLogger('x').error('sign=canary\\nz')"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr  # noqa: S603
    lines = output.splitlines()
    assert len(lines) == 2
    assert all(len(line) < 8000 for line in lines)
    assert json.loads(lines[0])["event"].startswith("a\nb")
    assert "canary" not in output


@pytest.mark.parametrize(("level", "heard"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_lines_below_the_level_are_not_logged_and_those_of_libraries_never_below_warning(
    level: str, heard: int
) -> None:
    code = f"from config import logging as l; import structlog, logging; l.setup('json', {level!r});"
    code += "log = structlog.get_logger(); [getattr(log, n)(n) for n in ('debug', 'info', 'warning', 'error')];"
    code += "logging.getLogger('x').info('library'); logging.getLogger('x').error('trouble')"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr  # noqa: S603
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert events == [*("debug", "info", "warning", "error")[4 - heard :], "trouble"]
