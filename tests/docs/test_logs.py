"""docs/logs.md has each event that a process logs, at its level, and no other."""

import re

import pytest

from tests.docs.log_events import LogEvent, read_events
from tests.sources import ROOT

PAGE = (ROOT / "docs" / "logs.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| ([a-z, ]+) \| (.+) \| (.+) \|$", re.MULTILINE)
PROCESSES = {
    "Of a worker": "worker",
    "Of a gateway": "gateway",
    "Of workers and gateways": "both",
    "Of a bridge": "bridge",
}


def written() -> list[LogEvent]:
    found: list[LogEvent] = []
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        process = PROCESSES.get(section.partition("\n")[0].partition(":")[0], "")
        for name, levels, _, _ in ROW.findall(section):
            found += [LogEvent(name, level, process) for level in levels.split(", ")]
    return found


def test_the_page_has_what_is_logged_and_nothing_else() -> None:
    assert set(written()) == read_events()


def test_no_event_has_two_rows() -> None:
    assert len(written()) == len(set(written()))


@pytest.mark.parametrize("name", ["walked", "heartbeat_failed", "stock_drained", "shop_deauthorized", "all_resumed"])
def test_names_that_are_put_together_are_read(name: str) -> None:
    assert name in {event.name for event in read_events()}
