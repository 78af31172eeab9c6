"""The order of hand-outs, for random histories: what shopstream/consume/owning/ordering.py promises at its top."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from shopstream.consume.owning.ordering import Ordering, StreamEntry

SUBJECTS = [b"sku/1", b"sku/2", b"sku/3"]
Steps = list[tuple[str, int, float]]

steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "hand", "hand", "hand", "ack", "nack", "time"]),
        st.integers(0, 2**16),
        st.sampled_from([0.0, 0.5, 1.0, 5.0, 30.0]),
    ),
    max_size=120,
)


def entry(number: int, subject: bytes) -> StreamEntry:
    return StreamEntry(f"5-{number}", {b"subject": subject, b"n": str(number).encode()})


class Run:
    """A lane with a handler that may have several entries in hand, and what has happened so far."""

    def __init__(self) -> None:
        self.lane = Ordering()
        self.now = 100.0
        self.added = 0
        self.hands: list[StreamEntry] = []
        self.waiting: dict[str, StreamEntry] = {}
        self.acked: list[str] = []
        self.first: dict[bytes, list[int]] = defaultdict(list)
        self.seen: set[str] = set()

    def take(self) -> StreamEntry | None:
        found = self.lane.peek(self.now)
        if found is None:
            self._nothing_could_have_been_handed_out()
            return None
        assert found.id not in self.acked
        assert found.due <= self.now
        for waiting in self.waiting.values():
            if waiting.subject == found.subject and waiting is not found:
                assert waiting.position > found.position, "an entry overtook one of its subject that waits"
        self.lane.hand_out(found)
        self.waiting.pop(found.id, None)
        if found.id not in self.seen:
            self.seen.add(found.id)
            self.first[found.subject].append(found.position[1])
        self.hands.append(found)
        return found

    def _nothing_could_have_been_handed_out(self) -> None:
        blocked = {waiting.subject for waiting in self.waiting.values() if waiting.due > self.now}
        for left in self.lane.unsettled.values():
            assert left.in_hand or left.subject in blocked, "an entry was kept back for no reason"

    def add(self, kind: int) -> None:
        self.added += 1
        self.lane.add([entry(self.added, SUBJECTS[kind % len(SUBJECTS)])])

    def ack(self, which: int) -> None:
        held = self.hands.pop(which % len(self.hands))
        assert self.lane.ack(held)
        assert not self.lane.ack(held)
        self.acked.append(held.id)

    def nack(self, which: int, delay: float) -> None:
        held = self.hands.pop(which % len(self.hands))
        assert self.lane.nack(held, self.now + delay)
        assert not self.lane.ack(held)
        self.waiting[held.id] = held

    def finish(self) -> None:
        """Everything is acknowledged in the end, and nothing is forgotten."""
        while self.hands:
            self.ack(0)
        for _ in range(1_000):
            if not self.lane.unsettled:
                break
            if self.take() is None:
                self.now += 30
            else:
                self.ack(0)
        assert sorted(self.acked) == sorted(f"5-{number}" for number in range(1, self.added + 1))
        assert (self.lane.held, self.lane.in_hand, self.lane.drained) == (0, 0, True)
        for order in self.first.values():
            assert order == sorted(order), "first hand-outs of a subject out of order"

    def play(self, history: Steps, *, at_once: int) -> None:
        for step, which, delay in history:
            if step == "add":
                self.add(which)
            elif step == "hand" and len(self.hands) < at_once:
                self.take()
            elif step == "ack" and self.hands:
                self.ack(which)
            elif step == "nack" and self.hands:
                self.nack(which, delay)
            elif step == "time":
                self.now += delay
        self.finish()


@given(steps)
def test_nothing_overtakes_a_waiting_entry_of_its_subject_and_nothing_else_is_kept_back(history: Steps) -> None:
    Run().play(history, at_once=5)


@given(steps)
def test_one_after_another_a_subjects_entries_are_settled_in_stream_order(history: Steps) -> None:
    run = Run()
    run.play(history, at_once=1)
    for subject in SUBJECTS:
        acked = [int(one.split("-")[1]) for one in run.acked]
        of_subject = [number for number in acked if number in run.first[subject]]
        assert of_subject == sorted(of_subject)


def test_a_subject_nacked_for_ever_does_not_starve_the_others() -> None:
    lane = Ordering()
    lane.add(entry(number, SUBJECTS[0] if number == 1 else b"sku/%d" % number) for number in range(1, 20))
    handed: list[str] = []
    for _ in range(40):
        found = lane.peek(0.0)
        assert found is not None
        lane.hand_out(found)
        handed.append(found.id)
        lane.nack(found, 0.0) if found.id == "5-1" else lane.ack(found)
    assert len(set(handed)) == 19


def test_what_is_read_again_is_not_handed_out_twice() -> None:
    lane = Ordering()
    again = [entry(1, SUBJECTS[0]), entry(2, SUBJECTS[1])]
    lane.add(again)
    found = lane.peek(0.0)
    assert found is not None
    lane.hand_out(found)
    lane.add([entry(1, SUBJECTS[0]), entry(2, SUBJECTS[1]), entry(3, SUBJECTS[2])])
    rest = []
    while (found := lane.peek(0.0)) is not None:
        lane.hand_out(found)
        rest.append(found.id)
    assert rest == ["5-2", "5-3"]
