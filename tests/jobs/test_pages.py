import msgspec
import pytest

from jobs.pages import PAGES_MAX, RESTARTS_MAX, _next, _restart, _seen, _split
from worker.drafts import Cause
from worker.tiktok.answers import Page
from worker.walks import Place
from worker.windows import Window

CAUSE = Cause("7495", "https://test/shops/7495", "delta", "run-1", None, None, 1_700_000_000_000)


def page(*products: str, token: str = "", total: int | None = None) -> Page:
    return Page(total, token, [msgspec.Raw(one.encode()) for one in products])


def listing() -> Place:
    return Place("r", "full", 1, windows=[], window=Window())


def test_a_product_that_is_twice_on_a_page_is_looked_at_once() -> None:
    row = '{"id":"10","title":"T","skus":[{"id":"1"}]}'
    assert [seen.product_id for seen in _seen(page(row, row), 1, CAUSE, listing())] == ["10"]


@pytest.mark.parametrize("bad", ["null", "7", "[]", "{}", '{"id":"1x"}', '{"id":["10"]}'])
def test_a_product_that_is_none_spoils_no_other(bad: str) -> None:
    place = listing()
    good = '{"id":"11","skus":[{"id":"1"}]}'
    assert [seen.product_id for seen in _seen(page(bad, good), 1, CAUSE, place)] == ["11"]
    assert (place.failed, place.complete) == (1, False)


@pytest.mark.parametrize("bad", ["../x", "", "1" * 40, "x" * 5_000])
def test_an_id_that_is_none_gets_nowhere(bad: str) -> None:
    place = listing()
    assert _seen(page(f'{{"id":"{bad}","skus":[]}}'), 1, CAUSE, place) == []
    assert place.failed == 1


def test_what_a_page_says_is_deleted_is_gone_with_its_evidence() -> None:
    (seen,) = _seen(page('{"id":"10","status":"DELETED"}'), 1, CAUSE, listing())
    assert seen.content is None
    assert seen.evidence["error_class"] == "status"


def test_a_list_without_end_is_left() -> None:
    place = listing()
    for number in range(PAGES_MAX + 5):
        if place.window is None:
            break
        place.pages_of_window += 1
        _next(place, page(token=f"t{number}"))
    assert place.window is None
    assert place.complete is False
    assert "pages" in (place.reason or "")


def test_page_tokens_that_always_expire_end_the_window_and_not_only_the_walk() -> None:
    place = listing()
    for _ in range(RESTARTS_MAX + 1):
        assert place.window is not None
        _restart(place, "page tokens expired")
    assert place.window is None
    assert place.complete is False


def test_a_list_that_shrank_is_read_again_once_it_is_through() -> None:
    place = listing()
    _next(place, page(token="a", total=300))
    _next(place, page(token="b", total=299))
    assert place.token == "b"
    _next(place, page(total=299))
    assert (place.window, place.token, place.complete) == (Window(), "", True)
    for token in ("a", "b", ""):
        _next(place, page(token=token, total=299))
    assert (place.window, place.complete) == (None, True)


def test_one_that_shrinks_again_and_again_ends_incomplete() -> None:
    place = listing()
    for number in range(20):
        if place.window is None:
            break
        _next(place, page(token="a", total=300 - number))
        _next(place, page(total=299 - number))
    assert place.window is None
    assert "products went while they were listed" in (place.reason or "")


def test_a_window_that_can_not_be_cut_is_named_and_the_others_go_on() -> None:
    place = Place("r", "full", 1, windows=[Window(5, 9)], window=Window(3, 3))
    _split(place, Window(3, 3), now=1_800_000_000)
    assert place.windows == [Window(5, 9)]
    assert "create_time 3..3" in (place.reason or "")
