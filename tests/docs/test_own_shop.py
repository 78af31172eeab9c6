"""docs/own-shop.md leads from a clone to a loaded shop and a sale's event, by its own commands."""

import re
from pathlib import Path

from tests.docs import walk
from tests.docs.blocks import read_blocks

PAGE = walk.PAGE.read_text()


async def test_the_way_of_the_page(tmp_path: Path) -> None:
    walked = await walk.walk(tmp_path, installed=True, products=5)
    assert [*walked.seconds][:-1] == steps()[1:]
    shown = "".join(walked.outputs.values())
    assert "settings of workers and gateways: ok" in shown
    assert walked.front.app_secret not in shown


def test_the_page_has_the_seconds_of_each_step() -> None:
    table = PAGE.partition(walk.BEGIN)[2].partition(walk.END)[0]
    assert [*re.findall(r"^\| ([a-z ]+) \| \d+ s \|$", table, re.MULTILINE)][:-1] == steps()


def test_the_way_took_less_than_ten_minutes() -> None:
    (seconds,) = re.findall(r"^\| \*\*all\*\* \| \*\*(\d+) s\*\* \|$", PAGE, re.MULTILINE)
    assert int(seconds) < 600


def steps() -> list[str]:
    return [block.mark.removeprefix("walk: ") for block in read_blocks(walk.PAGE) if block.mark.startswith("walk: ")]
