"""The rule of retention as a pure function: which entries may go, and that none goes before its time or its readers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.retention.bounds import BEGIN, END, Bounds, EntryId, GroupPosition, RetentionRule, find_bounds, has_to_go

IDS = st.tuples(st.integers(0, 200), st.integers(0, 3))
AGES = st.one_of(st.none(), st.integers(0, 220))
GROUPS = st.lists(
    st.builds(GroupPosition, st.just(b"g"), st.one_of(st.none(), IDS), st.one_of(st.none(), IDS)), max_size=4
)
NOW = 200


def needs(group: GroupPosition, entry: EntryId) -> bool:
    """Tell if a group may still need an entry: it has not read it, or not acknowledged one as old."""
    return any(begin is not None and entry >= begin for begin in (group.unread, group.unacknowledged))


@given(entry=IDS, groups=GROUPS, kept=AGES, longest=AGES)
def test_an_entry_goes_by_age_if_and_only_if_it_is_old_and_no_group_needs_it(
    entry: EntryId, groups: list[GroupPosition], kept: int | None, longest: int | None
) -> None:
    bounds = find_bounds(NOW, groups, RetentionRule(kept, longest, 1_000))
    is_old = kept is not None and entry < (NOW - kept, 0)
    needed = any(needs(group, entry) for group in groups)
    assert (entry < bounds.aged) == (is_old and not needed)
    assert (entry < bounds.spare) == (not needed)
    assert (entry < bounds.old) == is_old


@given(entry=IDS, groups=GROUPS, kept=AGES, longest=AGES)
def test_no_group_keeps_an_entry_beyond_the_longest_time_and_none_loses_one_before_it(
    entry: EntryId, groups: list[GroupPosition], kept: int | None, longest: int | None
) -> None:
    bounds = find_bounds(NOW, groups, RetentionRule(kept, longest, 1_000))
    beyond = None not in (kept, longest) and entry < (NOW - max(kept or 0, longest or 0), 0)
    assert (entry < bounds.expired) == beyond


@given(groups=GROUPS, more=GROUPS, kept=AGES, longest=AGES)
def test_a_further_group_never_lets_more_go(
    groups: list[GroupPosition], more: list[GroupPosition], kept: int | None, longest: int | None
) -> None:
    rule = RetentionRule(kept, longest, 1_000)
    fewer, with_more = find_bounds(NOW, groups, rule), find_bounds(NOW, groups + more, rule)
    assert with_more.aged <= fewer.aged
    assert with_more.spare <= fewer.spare
    assert with_more.expired == fewer.expired


@given(groups=GROUPS, kept=AGES, longest=AGES, moments=st.lists(st.integers(0, 400), min_size=2, max_size=5))
def test_what_may_go_may_go_later_too(
    groups: list[GroupPosition], kept: int | None, longest: int | None, moments: list[int]
) -> None:
    found = [find_bounds(now, groups, RetentionRule(kept, longest, 1_000)) for now in sorted(moments)]
    assert all(one.aged <= other.aged and one.expired <= other.expired for one, other in pairwise(found))


@given(first=IDS, length=st.integers(1, 9), cap=st.integers(1, 9), groups=GROUPS, kept=AGES, longest=AGES)
def test_a_stream_is_left_alone_while_it_is_within_its_cap_and_its_first_entry_may_stay(
    first: EntryId, length: int, cap: int, groups: list[GroupPosition], kept: int | None, longest: int | None
) -> None:
    rule = RetentionRule(kept, longest, cap)
    bounds = find_bounds(NOW, groups, rule)
    assert has_to_go(first, length, bounds, rule) == (length > cap or first < bounds.aged or first < bounds.expired)


@pytest.mark.parametrize(
    ("groups", "bounds"),
    [
        ([], Bounds(old=(176, 0), aged=(176, 0), spare=END, expired=(32, 0))),
        ([GroupPosition(b"caught up", None, None)], Bounds((176, 0), (176, 0), END, (32, 0))),
        ([GroupPosition(b"slow", (150, 1), None)], Bounds((176, 0), (150, 1), (150, 1), (32, 0))),
        ([GroupPosition(b"holds one", (190, 0), (3, 2))], Bounds((176, 0), (3, 2), (3, 2), (32, 0))),
    ],
)
def test_a_day_and_a_week_in_hours(groups: list[GroupPosition], bounds: Bounds) -> None:
    assert find_bounds(NOW, groups, RetentionRule(24, 168, 1_000)) == bounds


def test_dead_letters_have_no_age() -> None:
    bounds = find_bounds(NOW, [], RetentionRule(None, None, 1_000))
    assert (bounds.old, bounds.aged, bounds.expired) == (BEGIN, BEGIN, BEGIN)
