import msgspec
import pytest

from jobs.walks.pages import _read
from worker.changes.drafts import Cause
from worker.marketplace.product_answers import ProductPage
from worker.order import Reading, Span
from worker.publishing.seen import Seen
from worker.tiktok.reading.answers import Page
from worker.tiktok.reading.product_pages import read_page
from worker.walks.checkpoint import Place
from worker.walks.windows import Window

CAUSE = Cause("7495", "https://test/shops/7495", "delta", "run-1", None, None, 1_700_000_000_000)
READING = Reading(1, Span(1_700_000_000_000, 1_700_000_000_000))


def answer(*products: str) -> ProductPage:
    return read_page(Page(None, "", [msgspec.Raw(one.encode()) for one in products]), "r", 1_800_000_000)


def listing() -> Place:
    return Place("r", "full", 1, windows=[], window=Window())


def read(place: Place, *products: str) -> list[Seen]:
    return _read(answer(*products), READING, CAUSE, place)[0]


def test_a_product_that_is_twice_on_a_page_is_looked_at_once() -> None:
    row = '{"id":"10","title":"T","skus":[{"id":"1"}]}'
    assert [seen.product_id for seen in read(listing(), row, row)] == ["10"]


@pytest.mark.parametrize("statuses", [("ACTIVATE", "DELETED"), ("DELETED", "ACTIVATE"), ("ACTIVATE", "ACTIVATE")])
@pytest.mark.parametrize("moments", [(200, 100), (100, 200), (200, 200), (0, 200), (200, 0)])
def test_of_two_lines_about_one_product_the_newer_one_counts_else_the_second(
    statuses: tuple[str, str], moments: tuple[int, int]
) -> None:
    lines = zip(statuses, moments, strict=True)
    rows = [f'{{"id":"10","status":"{status}","update_time":{at or "null"}}}' for status, at in lines]
    (seen,) = read(listing(), *rows)
    counts = statuses[0 if moments == (200, 100) else 1]
    assert (seen.content is None) == (counts == "DELETED")


@pytest.mark.parametrize("bad", ["null", "7", "[]", "{}", '{"id":["10"]}'])
def test_a_product_that_is_none_spoils_no_other_and_not_the_walk(bad: str) -> None:
    place = listing()
    good = '{"id":"11","skus":[{"id":"1"}]}'
    assert [seen.product_id for seen in read(place, bad, good)] == ["11"]
    assert (place.failed, place.complete, place.unread) == (1, True, 1)


@pytest.mark.parametrize("bad", ["../x", "", "1" * 40, "x" * 5_000])
def test_an_id_that_is_none_gets_nowhere(bad: str) -> None:
    place = listing()
    assert _read(answer(f'{{"id":"{bad}","skus":[]}}'), READING, CAUSE, place) == ([], [])
    assert place.failed == 1


def test_what_a_page_says_is_deleted_is_gone_with_its_evidence() -> None:
    (seen,) = read(listing(), '{"id":"10","status":"DELETED","update_time":1700000300}')
    assert seen.content is None
    assert seen.evidence["error_class"] == "status"
    assert seen.evidence["updated_at"] == "2023-11-14T22:18:20.000Z"


def test_no_watermark_passes_what_was_seen_or_tiktoks_clock() -> None:
    place = listing()
    read(place, '{"id":"10","update_time":1700000300}', '{"id":"11","update_time":1700000200}')
    assert place.newest == 1_700_000_300
    read(place, '{"id":"12","update_time":99999999999}')
    assert place.newest == 1_800_000_000


def test_only_what_was_made_in_a_later_second_was_not_there_at_the_beginning() -> None:
    place = listing()
    place.clock = 1_700_000_300
    read(place, *(f'{{"id":"{number}","create_time":{1_700_000_290 + number}}}' for number in (9, 10, 11)))
    assert place.made == 1
