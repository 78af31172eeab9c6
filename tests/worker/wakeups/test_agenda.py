"""The sweep's agenda: a partition is looked at when its first member is due, never later than five seconds."""

from hypothesis import given
from hypothesis import strategies as st

from worker.wakeups.agenda import BUSY_SECONDS, FOLLOWED_SECONDS, IDLE_SECONDS, Agenda
from worker.wakeups.shares import Share, find_share

NAMES = st.frozensets(st.text("abc-123", min_size=1, max_size=8), min_size=1, max_size=12)
DUE_IN = st.none() | st.floats(0, 1e6)


def test_all_is_looked_at_at_the_start() -> None:
    assert Agenda(3).pick(0.0, range(3)) == [0, 1, 2]


@given(due_in=DUE_IN, left=st.booleans())
def test_a_partition_waits_for_its_first_member_and_never_beyond_the_limits(
    *, due_in: float | None, left: bool
) -> None:
    agenda = Agenda(1)
    agenda.note(0, 100.0, due_in, left=left)
    wanted = 0.0 if left else IDLE_SECONDS if due_in is None else due_in
    at = 100 + min(IDLE_SECONDS, max(BUSY_SECONDS, wanted))
    assert agenda.pick(at - 0.001, {0}) == []
    assert agenda.pick(at, {0}) == [0]


def test_anothers_partition_is_followed_after_a_piece_until_its_own_worker_has_looked() -> None:
    agenda = Agenda(2)
    for number in range(2):
        agenda.note(number, 100.0, None, left=False)
    assert agenda.pick(106.0, set()) == []
    agenda.follow(1, 106.0)
    assert agenda.pick(106.0 + BUSY_SECONDS, set()) == [1]
    assert FOLLOWED_SECONDS > IDLE_SECONDS, "or a moment that both missed would be nobody's"
    assert agenda.pick(106.0 + FOLLOWED_SECONDS, set()) == []


def test_the_longest_waiting_comes_first() -> None:
    agenda = Agenda(3)
    for number, due_in in enumerate((3.0, 1.0, 2.0)):
        agenda.note(number, 100.0, due_in, left=False)
    assert agenda.pick(110.0, range(3)) == [1, 2, 0]


@given(names=NAMES, partitions=st.integers(1, 300))
def test_each_partition_is_in_exactly_one_share(names: frozenset[str], partitions: int) -> None:
    shares = [find_share(name, names, partitions) for name in names]
    assert sorted(number for share in shares for number in share) == list(range(partitions))


@given(names=NAMES, partitions=st.integers(1, 100))
def test_a_worker_that_goes_moves_its_own_partitions_alone(names: frozenset[str], partitions: int) -> None:
    gone = min(names)
    left = names - {gone}
    for name in left:
        before = find_share(name, names, partitions)
        assert before <= find_share(name, left, partitions) <= before | find_share(gone, names, partitions)


def test_shares_are_of_about_the_same_size() -> None:
    names = frozenset(f"host-{number}" for number in range(16))
    sizes = [len(find_share(name, names, 1024)) for name in names]
    assert max(sizes) < 2 * 1024 / 16


def test_a_share_follows_the_names() -> None:
    names = {"a", "b"}
    share = Share("a", 64, lambda: frozenset(names))
    assert share.find() == find_share("a", names, 64)
    names.discard("b")
    assert share.find() == frozenset(range(64))
