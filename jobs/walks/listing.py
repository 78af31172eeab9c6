"""Track the place in a list, and decide by the number of products that it has shown if it is complete. Pure.

Lists have pages by offset and move while they are read. A deleted product draws others past the border of a page, and
a sold one moves to another place. The total count may waver although nothing is missing. So a list is complete if it
has shown as many different products as it counts, and is read once more if it hasn't.
"""

from dataclasses import dataclass
from typing import Final

from worker.marketplace.product_answers import ProductPage
from worker.walks.checkpoint import Place
from worker.walks.windows import Unsplittable, Window

ALL: Final = "ALL"
"""The filter for every status. A product that a default filter hides would look as if it were gone."""
DELETED: Final = "DELETED"
RESTARTS_MAX: Final = 5
"""Restarts of a window after which the walk is incomplete."""
PASSES_MAX: Final = 3
"""Passes over a list that shows too few products; a long list gets two."""
LONG_PAGES: Final = 10
"""Pages above which a list is long."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Numbers of different products that the list of a window has shown."""

    whole: int
    """In all passes."""
    of_pass: int
    """In this pass."""


def has_more(place: Place) -> bool:
    """Return True if there is a further window. Go on to the deleted products after the existing ones."""
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
    """Leave a window at the end of its list, or read it once more if products are missing on it."""
    first, least = place.first, place.least
    # Leave out products that were created meanwhile: each of them may stand for one that was missed.
    of_pass, whole = (number + place.unread - place.made for number in (shown.of_pass, shown.whole))
    if place.status == DELETED or first is None or least is None or of_pass >= first or not place.complete:
        leave(place)
        return
    if place.passes and (whole >= first or of_pass >= least):
        leave(place)  # the count wavers, or the second pass found the products that had moved
        return
    passes_max = PASSES_MAX if place.pages_of_window <= LONG_PAGES else 2
    if place.passes + 1 < passes_max:
        place.passes += 1
        _begin_again(place)
        return
    place.incomplete(f"TikTok says that there are {first} products, and has listed {whole}")
    leave(place)


def split(place: Place, window: Window, *, now: int) -> None:
    """Cut a window that matches too many products into halves."""
    leave(place)
    try:
        place.windows += reversed(window.halves(now))
    except Unsplittable as error:
        place.incomplete(str(error))
        if place.uncut_at == place.pages:
            # No page has come since the last one: TikTok refuses whatever window is asked for, and there are 2^31.
            place.windows = []
        place.uncut_at = place.pages


def restart(place: Place, why: str) -> None:
    """Begin the window again. Products that were read before make no further event."""
    _begin_again(place)
    place.restarts += 1
    if place.restarts > RESTARTS_MAX:
        place.incomplete(f"{why} {place.restarts} times in {place.window}")
        leave(place)


def shrink_page(place: Place) -> None:
    """Begin the window again with pages of half the size, since a page had more bytes than a worker reads."""
    if place.page_size <= 1:
        place.incomplete("the line of a single product is larger than what is read at once")
        leave(place)
        return
    place.page_size //= 2
    _begin_again(place)


def leave(place: Place) -> None:
    """Leave the window, so that the next one follows."""
    place.window, place.restarts, place.passes = None, 0, 0
    _begin_again(place)


def _begin_again(place: Place) -> None:
    place.token, place.pages_of_window = "", 0
    place.least = place.first = None
    place.unread = place.made = 0
