"""How a shop stands: one pure function over whatever calls say, told once."""

from hypothesis import given
from hypothesis import strategies as st

from shopstream import events
from tests.worker.changes.bodies import body
from worker.marketplace.call_errors import CallError, CredentialsRefused, Inactive, NotAllowed, Transient, UnknownCode
from worker.shops.standing import TOKEN, Notice, Standing, judge, list_working, note_failure, note_success, read_record

NOW = 1_700_000_000_000
ENDPOINTS = ("product", "products_search", "inventory_search", TOKEN)
INACTIVE, BUSY = Inactive("the seller is inactive", code=12052700), Transient("HTTP 503")
ERRORS = (INACTIVE, BUSY, NotAllowed("scope"), CredentialsRefused("sign"), UnknownCode("?", code=4711))
Happened = tuple[str, CallError | None, int]


def after(*happened: Happened) -> tuple[Standing, list[Notice]]:
    """Let endpoints fail or succeed at moments, in seconds; the standing and all that was told."""
    now, notices = Standing(), list[Notice]()
    for endpoint, error, seconds in happened:
        moment = NOW + 1000 * seconds
        now = note_success(now, endpoint) if error is None else note_failure(now, endpoint, error, moment)
        now, notice = judge(now, moment)
        notices += [notice] if notice else []
    return now, notices


def names(notices: list[Notice]) -> list[str]:
    return [one.type.removeprefix(events.NAMESPACE) for one in notices]


def test_an_inactive_seller_is_told_once_over_all_endpoints_and_tries() -> None:
    _, notices = after(*[(name, INACTIVE, second) for second in (0, 60, 180) for name in ENDPOINTS[:3]])
    assert names(notices) == ["shop.degraded"]
    assert body(notices[0])["error_class"] == "inactive"


def test_a_shop_has_recovered_when_its_last_trouble_has_gone() -> None:
    two: list[Happened] = [("product", INACTIVE, 0), ("products_search", INACTIVE, 1), ("product", None, 60)]
    assert names(after(*two)[1]) == ["shop.degraded"]
    _, notices = after(*two, ("products_search", None, 61))
    assert names(notices) == ["shop.degraded", "shop.recovered"]
    assert body(notices[1]) == {"error_class": "inactive", "since": body(notices[0])["since"]}


def test_a_failure_that_passes_is_told_only_if_it_lasts() -> None:
    assert after(("product", BUSY, 0), ("product", BUSY, 30), ("product", None, 40))[1] == []
    _, notices = after(("product", BUSY, 0), ("product", BUSY, 30), ("product", BUSY, 61), ("product", None, 70))
    assert names(notices) == ["shop.degraded", "shop.recovered"]


def test_an_inactive_shop_is_looked_at_again_rarely() -> None:
    now, waits, moment = Standing(), list[int](), NOW
    for _ in range(9):
        now = note_failure(now, "product", INACTIVE, moment)
        waits.append((now.not_before_ms("product", moment) - moment) // 1000)
        moment = now.not_before_ms("product", moment)
    assert waits[:4] == [60, 120, 240, 480]
    assert max(waits) == 3600
    assert now.not_before_ms("inventory_search", moment) == 0


def test_calls_that_fail_side_by_side_are_one_failure() -> None:
    now = Standing()
    for ms in range(0, 400, 10):
        now = note_failure(now, "product", INACTIVE, NOW + ms)
    assert now.troubles["product"].times == 1


def test_a_clock_that_was_ahead_holds_nobody() -> None:
    now = note_failure(Standing(), "product", INACTIVE, NOW + 3_600_000)
    assert now.not_before_ms("product", NOW) == 0


def test_without_details_stock_is_still_kept_in_step() -> None:
    assert list_working(note_failure(Standing(), "product", BUSY, NOW)) == ["stock"]
    assert list_working(note_failure(Standing(), "products_search", BUSY, NOW)) == []
    assert list_working(note_failure(Standing(), TOKEN, BUSY, NOW)) == []
    assert list_working(Standing()) == ["products", "stock"]


def test_a_record_that_cannot_be_read_is_a_new_one() -> None:
    assert read_record(b"garbage").seq == 0
    assert read_record(b'{"seq":7}').seq == 7


@given(
    st.lists(st.tuples(st.sampled_from(ENDPOINTS), st.sampled_from((None, *ERRORS)), st.integers(1, 90)), max_size=30)
)
def test_degraded_and_recovered_follow_each_other_and_the_last_one_is_true(happened: list[Happened]) -> None:
    moment, steps = 0, list[Happened]()
    for endpoint, error, seconds in happened:
        moment += seconds
        steps.append((endpoint, error, moment))
    now, notices = after(*steps)
    degraded = False
    for notice in notices:
        if notice.type == events.SHOP_RECOVERED:
            assert degraded
        degraded = notice.type == events.SHOP_DEGRADED
    assert degraded == bool(now.published)
    if not now.troubles:
        assert not degraded
