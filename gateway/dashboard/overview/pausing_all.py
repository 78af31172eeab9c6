"""Pause all shops, and have them go on."""

from typing import Final, NamedTuple

from gateway.dashboard.shell.change_forms import Form, Plan
from gateway.dashboard.shell.visits import Visit
from shopstream.glance.wording import write_plural


class _Paths(NamedTuple):
    pause: str
    resume: str


PATHS: Final = _Paths("/pause", "/resume")


async def plan_pause(visit: Visit, _: Form) -> Plan:
    """Plan the pause of all shops."""
    count = len((await visit.shell.reader.overview()).shops)
    question = f"Pause all {write_plural(count, 'shop')}? Workers then send no calls, and ids wait."
    return Plan(act="pause all shops", subject="", affected=count, question=question, button="Pause all", back="")


async def pause_all(visit: Visit, _: Form) -> int:
    """Pause all shops, and return their number."""
    await visit.door.client.pause()
    return len((await visit.shell.reader.overview(0)).shops)


async def plan_resume(visit: Visit, _: Form) -> Plan:
    """Plan the end of the pause of all shops."""
    count = len((await visit.shell.reader.overview()).shops)
    question = f"Let all {write_plural(count, 'shop')} go on? Shops that were paused one by one stay paused."
    return Plan(act="resume all shops", subject="", affected=count, question=question, button="Go on", back="")


async def resume_all(visit: Visit, _: Form) -> int:
    """Have all shops go on, and return their number."""
    await visit.door.client.resume()
    return len((await visit.shell.reader.overview(0)).shops)
