"""Track where a list stands, and decide when it counts as read, by the different products that it has shown. Pure.

Lists have pages by offset and move while they are read: a product that goes draws others past a page's border, one that
is sold moves to another place. Their count may waver although nothing is missing. So a list is complete when it has
shown as many different products as it says that there are, and is read once more when it hasn't.
"""

from dataclasses import dataclass
from typing import Final

from worker.marketplace.product_answers import ProductPage
from worker.walks.checkpoint import Place
from worker.walks.windows import Unsplittable, Window

ALL: Final = "ALL"
"""Every status by name: what a default filter hides would look as if it were gone."""
DELETED: Final = "DELETED"
RESTARTS_MAX: Final = 5
PASSES_MAX: Final = 3
"""How often a list is read that falls short; a long one twice."""
LONG_PAGES: Final = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """Different products that a window's list has shown: in all passes, and in this one."""

    whole: int
    of_pass: int


def has_more(place: Place) -> bool:
    """Say if there is something left to list, and go on to it: deletions come after the products that are there."""
    if place.window or place.windows:
        return True
    if place.status == ALL and place.deleted_since is not None:
        place.status, place.windows = DELETED, [Window()]
        return True
    return False


def go_on(place: Place, page: ProductPage, shown: Shown, listed_max: int) -> None:
    """Note the next page, or judge the list at its end. No list holds more than `listed_max` products."""
    following = page.next_token
    if page.total is not None:
        place.least = page.total if place.least is None else min(place.least, page.total)
        place.first = page.total if place.first is None else place.first
    if following and following == place.token:
        place.incomplete("TikTok repeats a page")
        following = ""
    pages_max = listed_max // place.page_size + 20
    if following and place.pages_of_window >= pages_max:
        place.incomplete(f"a list of more than {pages_max} pages")
        following = ""
    place.token = following
    if not following:
        _end(place, shown)


def _end(place: Place, shown: Shown) -> None:
    """Leave a window whose list has come to its end; or read it once more, if products are missing on it."""
    first, least = place.first, place.least
    # Of those that were there at the beginning: one that is made meanwhile may stand for one that was missed.
    of_pass, whole = (number + place.unread - place.made for number in (shown.of_pass, shown.whole))
    if place.status == DELETED or first is None or least is None or of_pass >= first or not place.complete:
        leave(place)
        return
    if place.passes and (whole >= first or of_pass >= least):
        leave(place)  # the count wavers, or what moved was found at the second look
        return
    passes_max = PASSES_MAX if place.pages_of_window <= LONG_PAGES else 2
    if place.passes + 1 < passes_max:
        place.passes += 1
        _begin_again(place)
        return
    place.incomplete(f"TikTok says that there are {first} products, and has listed {whole}")
    leave(place)


def split(place: Place, window: Window, *, now: int) -> None:
    """Cut a window that matches too many products."""
    leave(place)
    try:
        place.windows += reversed(window.halves(now))
    except Unsplittable as error:
        place.incomplete(str(error))


def restart(place: Place, why: str) -> None:
    """Begin the window anew; what was read of it already costs no event."""
    _begin_again(place)
    place.restarts += 1
    if place.restarts > RESTARTS_MAX:
        place.incomplete(f"{why} {place.restarts} times in {place.window}")
        leave(place)


def shrink_page(place: Place) -> None:
    """Begin the window anew with pages of half the size, since one was larger than what is read at once."""
    if place.page_size <= 1:
        place.incomplete("the line of a single product is larger than what is read at once")
        leave(place)
        return
    place.page_size //= 2
    _begin_again(place)


def leave(place: Place) -> None:
    """Go on to the next window."""
    place.window, place.restarts, place.passes = None, 0, 0
    _begin_again(place)


def _begin_again(place: Place) -> None:
    place.token, place.pages_of_window = "", 0
    place.least = place.first = None
    place.unread = place.made = 0
