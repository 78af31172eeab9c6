"""When a list counts as read: pages by offset move while they are read, and their count may waver."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.walks.listing import DELETED, RESTARTS_MAX, Shown, go_on, has_more, leave, restart, shrink_page, split
from worker.marketplace.product_answers import ProductPage
from worker.walks.checkpoint import Place
from worker.walks.windows import Window


def listing() -> Place:
    return Place("r", "full", 1, windows=[], window=Window())


def left(place: Place) -> bool:
    return place.window is None


def read(place: Place, totals: list[int], shown: int, *, whole: int | None = None) -> None:
    """Read a list of as many pages, which has shown so many different products at its end."""
    for number, total in enumerate(totals, 1):
        place.pages_of_window += 1
        place.pages += 1
        last = number == len(totals)
        so_far = Shown(whole if whole is not None and last else shown, shown)
        go_on(place, ProductPage(total=total, next_token="" if last else f"t{number}"), so_far, 10_000)


def test_a_list_that_has_shown_all_is_complete_at_once() -> None:
    place = listing()
    read(place, [250, 250, 250], 250)
    assert (left(place), place.complete, place.passes) == (True, True, 0)


def test_a_count_that_wavers_below_costs_nothing() -> None:
    place = listing()
    read(place, [500, 499, 500, 499, 500], 500)
    assert left(place)
    assert place.complete


def test_a_count_that_wavers_above_costs_one_more_pass_at_most() -> None:
    place = listing()
    read(place, [500, 501, 500, 501, 500], 500)
    assert left(place)
    assert place.complete
    wavering = listing()
    read(wavering, [501, 500, 501, 500, 501], 500)
    assert wavering.passes == 1
    read(wavering, [501, 500, 501, 500, 501], 500)
    assert left(wavering)
    assert wavering.complete


def test_a_list_that_slid_while_it_was_read_is_read_once_more_and_then_whole() -> None:
    place = listing()
    read(place, [250, 250, 250], 249)  # one twice, one never
    assert not left(place)
    read(place, [250, 250, 250], 250)
    assert left(place)
    assert place.complete is True


def test_one_that_slides_at_each_look_is_whole_if_all_looks_together_have_shown_it() -> None:
    place = listing()
    read(place, [250, 250, 250], 249)
    read(place, [250, 250, 250], 249, whole=250)
    assert left(place)
    assert place.complete is True


def test_a_list_that_ends_too_early_is_incomplete() -> None:
    place = listing()
    for _ in range(5):
        if place.window is None:
            break
        read(place, [250, 250], 200)
    assert left(place)
    assert place.complete is False
    assert "250" in (place.reason or "")


def test_a_line_that_cannot_be_read_is_excused() -> None:
    place = listing()
    place.unread = 1
    read(place, [100], 99)
    assert left(place)
    assert place.complete is True


@given(st.lists(st.integers(0, 400), min_size=1, max_size=8), st.integers(0, 400))
def test_every_list_is_left_after_a_few_passes(totals: list[int], shown: int) -> None:
    place = listing()
    for _ in range(3):
        if place.window is not None:
            read(place, totals, shown)
    assert left(place)
    # Incomplete is one that has shown less than each of its counts says.
    assert place.complete == (shown >= min(totals))


def test_a_list_without_end_is_left() -> None:
    place = listing()
    for number in range(500):
        if place.window is None:
            break
        place.pages_of_window += 1
        go_on(place, ProductPage(next_token=f"t{number}"), Shown(0, 0), 10_000)
    assert left(place)
    assert place.complete is False
    assert "pages" in (place.reason or "")


def test_page_tokens_that_always_expire_end_the_window_and_not_only_the_walk() -> None:
    place = listing()
    for _ in range(RESTARTS_MAX + 1):
        assert place.window is not None
        restart(place, "page tokens expired")
    assert left(place)
    assert place.complete is False


def test_a_page_that_is_too_large_is_halved_until_one_product_is_left() -> None:
    place = listing()
    sizes = list[int]()
    while place.window is not None:
        sizes.append(place.page_size)
        shrink_page(place)
    assert sizes == [100, 50, 25, 12, 6, 3, 1]
    assert place.complete is False


def test_a_window_that_can_not_be_cut_is_named_and_the_others_go_on() -> None:
    place = Place("r", "full", 1, windows=[Window(5, 9)], window=Window(3, 3))
    split(place, Window(3, 3), now=1_800_000_000)
    assert place.windows == [Window(5, 9)]
    assert "create_time 3..3" in (place.reason or "")


def test_windows_that_are_all_refused_end_the_list() -> None:
    """Cut down to seconds there are 2^31 of them: the walk would call for ever, and no other one could begin."""
    place, calls = Place("r", "full", 1, deleted_since=1_700_000_000), 0
    while has_more(place) and calls < 1_000:
        place.window = window = place.window or place.windows.pop()
        split(place, window, now=1_800_000_000)
        calls += 1
    assert calls < 200
    assert place.complete is False
    assert "can't be cut further" in (place.reason or "")


def test_a_second_that_can_not_be_cut_leaves_the_others_that_are_answered() -> None:
    place = Place("r", "full", 1, windows=[Window(9, 9), Window(8, 8), Window(5, 7)])
    for answered in (True, False, False):
        place.window = window = place.windows.pop()
        if answered:
            place.pages += 1
            leave(place)
        else:
            place.pages += window == Window(9, 9)  # a page of another window has come in between
            split(place, window, now=1_800_000_000)
    assert not has_more(place)
    assert "create_time 8..8" in (place.reason or "")


def test_deletions_are_listed_after_what_is_there() -> None:
    place = Place("r", "delta", 1, windows=[], deleted_since=1_700_000_000)
    assert has_more(place)
    assert (place.status, place.windows) == (DELETED, [Window()])
    place.windows = []
    assert not has_more(place)


def test_a_product_that_is_made_meanwhile_stands_for_none_that_was_missed() -> None:
    """One is deleted, which draws another past a page's border, and one is made: the count stays what it was."""
    place = listing()
    place.made = 1
    read(place, [250, 250, 250], 250)
    assert not left(place)
    place.made = 1
    read(place, [250, 250, 250], 251)
    assert left(place)
    assert place.complete
