"""The facts of a shop's page: the way of a SKU's change, the syncs, the row of numbers."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dashboard.facts.shop_numbers import list_numbers
from gateway.dashboard.facts.sku_story import ask_why, describe_look, list_steps
from gateway.dashboard.facts.walk_rows import describe_next, fields, read_rows
from gateway.dashboard.shell.change_forms import Form
from gateway.dashboard.shop.setting_rows import list_settings, read_changes
from shopstream.events import NAMESPACE, Event
from shopstream.glance.shop_glance import read_glance
from shopstream.redis.clock import write_rfc3339
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from shopstream.state.explain import Explanation
from shopstream.state.product_facts import Pause, Waiting
from shopstream.state.readers import Reader
from tests.dashboard.facts.glances import HOUR_MS, NOW_MS, SHOP, glance, only

SKU = "1731159324007434834"
AT_MS = NOW_MS - 38 * 60_000 - 20_000


def change(seq: int = 41, *, name: str = "stock.changed", origin: str = "request", **data: Any) -> Event:
    """An event of the SKU, answered at AT_MS and published 5 ms later."""
    return Event(
        id="e", type=NAMESPACE + name, source="s", subject=f"sku/{SKU}", time=write_rfc3339(AT_MS), shop_id=SHOP,
        seq=seq, epoch="0", origin=origin, causation_id="erp-4711", stream="stock", entry_id=f"{AT_MS + 5}-0",
        data={"available": 0, "previous_available": 3, "transition": "sold_out", **data},
    )  # fmt: skip


def reader(group: str, standing: Any, knows: Event | None = None) -> Reader:
    hand = standing == "in_hand"
    return Reader(
        group=group, standing=standing, consumer="erp-1" if hand else None, deliveries=2 if hand else 0,
        idle=4.0 if hand else None, knows=knows,
    )  # fmt: skip


def explanation(
    *changes: Event,
    readers: Sequence[Reader] = (),
    waiting: Sequence[Waiting] = (),
    seen_ms: int | None = AT_MS,
    paused: Pause | None = None,
) -> Explanation:
    shop = Shop(SHOP, "Willow Home", "GB", "LOCAL", "a1", "active", None, "2026-11-28T10:00:00.000Z", 0)
    return Explanation(
        shop=shop, sku_id=SKU, product_id="17", at=write_rfc3339(NOW_MS), stock=None, low=5, recovered=7,
        seen_at=None if seen_ms is None else write_rfc3339(seen_ms), view="detail", changes=changes, searched=7,
        bounded=False, waiting=tuple(waiting), next_walks={}, readers=tuple(readers), paused=paused,
    )  # fmt: skip


@pytest.mark.parametrize(("paused", "words"), [("all", "All shops are paused"), ("shop", "This shop is paused")])
def test_a_pause_is_told_before_what_waits(paused: Pause, words: str) -> None:
    waits = Waiting("products", "17", in_hand=False, due=None, origin=None, cause=None, tries=0)
    *_, pause, wait = list_steps(explanation(waiting=[waits], paused=paused))
    assert (pause.title, pause.detail) == (words, "nothing is fetched until somebody resumes it")
    assert wait.title == "It waits in the backlog of products"


def test_the_way_of_a_change_to_each_group() -> None:
    before = change(40, available=3, previous_available=5)
    found = explanation(
        change(request_id="2026112814020855A1", units_per_hour=27.0),
        before,
        readers=[reader("erp", "acknowledged"), reader("pricing", "acknowledged"), reader("eu", "not_read", before)],
    )
    assert ask_why(found) == "Why does eu show 3?"
    assert [(step.tone, step.when, step.title, step.detail) for step in list_steps(found)] == [
        ("done", "", "It was asked for", "cause erp-4711"),
        ("done", "13:21:40.000", "TikTok answered", "request 2026112814020855A1"),
        ("done", "+ 5 ms", "Published: 3 → 0, sold out", "stock.changed, seq 41, 27 units an hour before that"),
        ("done", "", "Read by erp and pricing", "acknowledged"),
        ("late", "now", "Not yet read by eu", "38 min behind: it still shows 3"),
    ]
    assert describe_look(found) == "last seen 38 min ago by its product's detail"


def test_a_push_begins_at_tiktok() -> None:
    pushed = change(origin="webhook", occurred_at=write_rfc3339(AT_MS - 900), reason="order_created")
    steps = list_steps(explanation(pushed, readers=[reader("erp", "in_hand")]))
    assert [(step.when, step.title) for step in steps] == [
        ("13:21:39.100", "Changed at TikTok"),
        ("", "TikTok pushed it"),
        ("+ 900 ms", "The push arrived"),
        ("+ 905 ms", "Published: 3 → 0, sold out"),
        ("+ 38 min", "Not yet acknowledged by erp"),
    ]
    assert steps[0].detail == "order created"
    assert steps[-1].detail == "2 deliveries, in hand of erp-1 for 4 s; until then it shows 3"


def test_a_sku_without_a_change_in_the_stream_says_so() -> None:
    waits = Waiting("products", "17", in_hand=False, due=None, origin="webhook", cause="n1", tries=1)
    steps = list_steps(explanation(waiting=[waits], seen_ms=None))
    assert [step.title for step in steps] == [
        "No change of it is in the stream any more",
        "It waits in the backlog of products",
    ]
    assert (steps[0].detail, steps[1].detail) == ("never seen", "due at once, webhook n1, 1 try failed")
    assert ask_why(explanation()) == "Why is it nothing?"
    assert describe_look(explanation(seen_ms=None)) == ""


def test_a_removed_sku_is_shown_as_removed() -> None:
    removed = change(name="stock.removed", available=None, previous={"available": 4})
    found = explanation(removed, readers=[reader("erp", "acknowledged", removed)])
    assert ask_why(found) == "Why do all groups show it as removed?"
    assert "Published: 4 → removed" in [step.title for step in list_steps(found)]


def record(kind: str, started_ms: int, **more: Any) -> bytes:
    """A sync as its checkpoint stores it, with fields that the page doesn't know."""
    return orjson.dumps({"run": "r", "kind": kind, "started_ms": started_ms, "windows": [], "events": 5} | more)


def test_syncs_show_the_running_one_first_with_its_forecast() -> None:
    stored = {
        "at:delta": record("delta", NOW_MS - 60_000, products=1_900, expected=3_112, changed=44, calls=20),
        "done:delta": record("delta", NOW_MS - 2 * HOUR_MS, products=2_806, changed=61, calls=29),
        "done:poll": record("poll", NOW_MS - 3 * HOUR_MS, products=24_102, drift=14, failed=2),
        "done:full": record("full", NOW_MS - 26 * HOUR_MS, drift=9, complete=False, reason="too many products"),
    }
    rows = read_rows(stored, NOW_MS)
    assert [(row.kind, row.tone, row.when, row.products, row.drift, row.end) for row in rows] == [
        ("changes", "run", "runs since 13:59", "1,900 of 3,112", None, "38 s left"),
        ("changes", "done", "began 12:00", "2,806", 0, "complete"),
        ("stock", "done", "began 11:00", "24,102", 14, "complete; 2 failed"),
        ("everything", "late", "began 27 Nov 12:00", "0", 9, "incomplete: too many products"),
    ]
    assert describe_next(only(glance()).glance, NOW_MS) == "changes in 1 h, stock in 5 h, everything in 20 h"
    unplanned = glance(next_delta_ms=None, next_full_ms=None, next_poll_ms=None)
    assert describe_next(only(unplanned).glance, NOW_MS) == "none is planned"


@given(st.dictionaries(st.sampled_from(fields()), st.one_of(st.none(), st.binary(max_size=20))))
def test_damaged_records_of_syncs_are_passed_over(stored: dict[str, bytes | None]) -> None:
    assert read_rows(stored, NOW_MS) == []


@pytest.mark.parametrize(
    ("facts", "token_end", "label", "value", "note", "missed"),
    [
        ({}, None, "Changes seen", "1 min ago", "goal 1 h 15 min", False),
        ({"changes_ms": NOW_MS - 91 * 60_000}, None, "Changes seen", "1 h 31 min ago", "goal 1 h 15 min", True),
        ({"changes_ms": None}, None, "Changes seen", "\u2013", "goal 1 h 15 min", False),
        ({"settings": {"stock_interval": 0}}, None, "Stock seen", "1 h ago", "never synced by itself", False),
        ({"products_waiting": 9}, None, "Waiting", "9", "goal 5 min", False),
        (
            {"products_waiting": 22_480, "products_oldest_ms": NOW_MS - 31 * 60_000},
            None,
            "Waiting",
            "22,480",
            "the oldest for 31 min",
            True,
        ),
        ({"drift": 14}, None, "Drift, 7 days", "14", "unannounced changes", False),
        ({}, NOW_MS // 1000 + 99 * 3_600, "Consent", "88 days", "token 4 d 3 h", False),
        ({}, NOW_MS // 1000 - 5, "Consent", "88 days", "token has ended", True),
        (
            {"entry": {"status": "reauthorization_required"}},
            None,
            "Consent",
            "gone",
            "reauthorization required",
            True,
        ),
        ({"dead": 4}, None, "Dead letters, 7 days", "4", "ids given up", True),
    ],
)
def test_numbers_with_their_goals(
    facts: dict[str, Any], token_end: int | None, label: str, value: str, note: str, *, missed: bool
) -> None:
    numbers = list_numbers(only(glance(**facts)), token_end, NOW_MS)
    assert [tuple(number) for number in numbers if number.label == label] == [(label, value, note, missed)]


def test_a_form_changes_what_its_person_has_changed_and_nothing_else() -> None:
    """Another operator has set `low` since the page was shown, and the form still has the value of before."""
    now = ShopSettings(low=7)
    shown = [(row.shown, row.value) for row in list_settings(ShopSettings())]
    sent = [(row.name, "1800" if row.name == "interval" else row.value) for row in list_settings(ShopSettings())]
    assert read_changes(Form([*sent, *shown]), now) == {"interval": 1_800}
    assert read_changes(Form([("low", "7"), ("shown_low", "5")]), now) == {}
    assert read_changes(Form([("low", "5")]), now) == {"low": 5}, "a form without the values that were shown"


@pytest.mark.parametrize(
    ("name", "title"), [("Willow Home", "Willow Home"), ("", SHOP), (" \n", SHOP), ("\u200b\u202e", SHOP), ("😀", "😀")]
)
def test_a_shop_without_a_visible_name_is_called_by_its_id(name: str, title: str) -> None:
    assert read_glance(glance(entry={"name": name})).title == title
