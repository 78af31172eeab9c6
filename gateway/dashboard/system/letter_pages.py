"""Show dead letters: by class, as a list, and one with its raw entry."""

import json
from typing import Final, NamedTuple
from urllib.parse import urlencode

from gateway.dashboard.shell.live_pages import LivePage
from gateway.dashboard.shell.templating import Facts
from gateway.dashboard.shell.visits import Visit
from gateway.dashboard.system.letter_search import AT_ONCE, FoundLetter, LetterFilter, search_letters
from shopstream.events import Event, InvalidEntry
from shopstream.redis.streams.entry_ids import place

PAGE: Final = 50


class LetterRow(NamedTuple):
    """A letter in a list: its name, the moment in ms, and its facts as text."""

    name: str
    at_ms: int
    error_class: str
    shop: str
    kind: str
    id: str
    message: str


async def _read_letters(visit: Visit) -> Facts:
    query = visit.request.query
    wanted = LetterFilter(query.get("class", ""), query.get("shop", ""))
    listed = any(wanted) or "cursor" in query
    found, following = await search_letters(visit, wanted, PAGE, query.get("cursor", "")) if listed else ([], "")
    state = await visit.shell.reader.system()
    following_query = {"class": wanted.error_class, "shop": wanted.shop, "cursor": following}
    return {
        "wanted": wanted,
        "listed": listed,
        "rows": [_show(one) for one in found],
        "next": urlencode({name: value for name, value in following_query.items() if value}) if following else "",
        "classes": state.dead,
        "at_once": AT_ONCE,
        "live": not listed,
    }


def _show(found: FoundLetter) -> LetterRow:
    letter = found.letter
    facts = {name: str(letter.data.get(name) or "") for name in ("error_class", "kind", "id", "message")}
    return LetterRow(name=found.name, at_ms=place(letter.entry_id)[0], shop=letter.shop_id, **facts)


async def _read_letter(visit: Visit) -> Facts:
    """Read one letter.

    Raises:
        NoSuchLetter: it is not there.
    """
    name = visit.request.query.get("name", "")
    letters = await visit.door.client.open_dead_letters()
    try:
        letter: Event | None = await letters.show(name)
        fault = ""
    except InvalidEntry as invalid:
        letter, fault = None, str(invalid)
    return {
        "name": name,
        "letter": letter,
        "fault": fault,
        "request_id": str(letter.data.get("request_id") or "") if letter else "",
        "raw": _write_raw(letter) if letter else "",
    }


def _write_raw(letter: Event) -> str:
    """Write the entry with all attributes, as JSON to copy."""
    attributes = {
        "entry": letter.entry_id, "stream": letter.stream, "id": letter.id, "type": letter.type,
        "source": letter.source, "subject": letter.subject, "time": letter.time, "origin": letter.origin,
        "causationid": letter.causation_id, "data": letter.data,
    }  # fmt: skip
    return json.dumps(attributes, indent=2, ensure_ascii=False)


LETTER_PAGES: Final = (
    LivePage(path="/dead", template="system/dead.html", section="dead", read=_read_letters, fragments=("classes",)),
    LivePage(path="/dead/letter", template="system/letter.html", section="dead", read=_read_letter),
)
