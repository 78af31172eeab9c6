"""Requeue and drop dead letters: those of a class or shop, oldest first, or those that were ticked. 1,000 at a time."""

from typing import Final, Literal
from urllib.parse import urlencode

from gateway.api.wire.problems import INVALID_PARAMETER, Problem
from gateway.dashboard.shell.change_forms import CONFIRMED, Form, Plan
from gateway.dashboard.shell.visits import Visit
from gateway.dashboard.system.letter_search import AT_ONCE, LetterFilter, search_letters
from shopstream.dead.letters import Which
from shopstream.errors import NoSuchLetter
from shopstream.glance.wording import write_plural

Act = Literal["requeue", "drop"]


async def _find_names(visit: Visit, form: Form) -> list[str]:
    """Find the names of the letters that a form chooses, those that are still there.

    Raises:
        Problem: the form chooses none.
    """
    names = list(dict.fromkeys(form.get_all("name")))
    wanted = LetterFilter(form.get("class"), form.get("shop"))
    if not names and any(wanted):
        # A confirmed number is not exceeded by letters that came meanwhile.
        confirmed = form.get(CONFIRMED)
        most = min(AT_ONCE, int(confirmed)) if confirmed.isascii() and confirmed.isdigit() else AT_ONCE
        found, _ = await search_letters(visit, wanted, max(1, most))
        names = [one.name for one in found]
    if not names:
        raise Problem(INVALID_PARAMETER, "No letter is chosen: tick some, or choose a class that has any.")
    if len(names) > AT_ONCE:
        raise Problem(INVALID_PARAMETER, f"A change affects {AT_ONCE:,} letters at most, not {len(names):,}.")
    return names


def _describe(form: Form) -> str:
    """Describe the choice for the audit trail."""
    wanted = LetterFilter(form.get("class"), form.get("shop"))
    if form.get("name"):
        return form.get("name") if len(form.get_all("name")) == 1 else "by selection"
    class_ = f"of class {wanted.error_class}" if wanted.error_class else ""
    return " ".join(filter(None, (class_, f"of shop {wanted.shop}" if wanted.shop else "")))


def _find_back(form: Form) -> str:
    query = {name: form.get(name) for name in ("class", "shop") if form.get(name)}
    return f"dead?{urlencode(query)}" if query else "dead"


async def _plan(visit: Visit, form: Form, act: Act, question: str) -> Plan:
    names = await _find_names(visit, form)
    letters = write_plural(len(names), "dead letter")
    return Plan(
        act=f"{act} dead letters",
        subject=_describe(form),
        affected=len(names),
        question=question.format(letters=letters),
        button=act.capitalize(),
        back=_find_back(form),
    )


async def _plan_requeue(visit: Visit, form: Form) -> Plan:
    return await _plan(visit, form, "requeue", "Requeue {letters}? Their ids are asked for again.")


async def _requeue(visit: Visit, form: Form) -> int:
    letters = await visit.door.client.open_dead_letters()
    names = await _find_names(visit, form)
    try:
        return (await letters.requeue(Which(tuple(names)))).done
    except NoSuchLetter as gone:
        raise Problem(INVALID_PARAMETER, f"{gone}. Somebody was faster; nothing was requeued.") from None


async def _plan_drop(visit: Visit, form: Form) -> Plan:
    return await _plan(visit, form, "drop", "Drop {letters}? Their ids are given up for good.")


async def _drop(visit: Visit, form: Form) -> int:
    letters = await visit.door.client.open_dead_letters()
    names = await _find_names(visit, form)
    try:
        return await letters.drop(Which(tuple(names)))
    except NoSuchLetter as gone:
        raise Problem(INVALID_PARAMETER, f"{gone}. Somebody was faster; nothing was dropped.") from None


LETTER_CHANGES: Final = (
    ("/dead/requeue", _plan_requeue, _requeue),
    ("/dead/drop", _plan_drop, _drop),
)
