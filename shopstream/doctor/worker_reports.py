"""Check the reports of workers: authorizations that they cannot use, their clocks, and the token key in use."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from shopstream.authorizations.findings import merge_findings
from shopstream.doctor.checks import Check, bad, ok, warn
from shopstream.durations import write_duration
from shopstream.registry.shop_of_apps import DEFAULT_APP
from shopstream.registry.workers import WorkerSeen

GO_ON: Final = "these go on by their other apps"


def check_authorizations(found: Sequence[WorkerSeen]) -> Iterator[Check]:
    """Check the authorizations that workers can't use: a line for each reason."""
    merged = merge_findings(one.findings for one in found)
    for finding, number in merged:
        of = "" if number == len(found) else f" ({number} of {len(found)} workers)"
        if finding.is_left_out:
            yield ok("authorizations", f"{finding.title}{of}; {GO_ON}")
        else:
            yield bad("authorizations", f"{finding.title}{of}", finding.remedy)
    if found and not merged:
        yield ok("authorizations", "workers can use all of them")


def check_clocks(found: Sequence[WorkerSeen]) -> Iterator[Check]:
    """Check that TikTok takes the workers' clocks."""
    off = [one for one in found if one.clock_off]
    if off:
        worst = max(off, key=lambda one: abs(one.clock_off))
        side = "ahead of" if worst.clock_off > 0 else "behind"
        length = write_duration(abs(worst.clock_off))
        text = (
            f"TikTok refuses the clock of {len(off)} of {len(found)} workers: {worst.name} is {length} {side} TikTok's"
        )
        yield warn("worker clocks", text, "synchronize it by NTP; until then calls are signed by TikTok's clock")
    elif found:
        yield ok("worker clocks", "TikTok takes them")


def check_refused(found: Sequence[WorkerSeen]) -> Iterator[Check]:
    """Check that TikTok takes each worker's own secret, address and certificates: a line for each that it refuses."""
    refused = [one for one in found if one.refused]
    for one in refused:
        app, words = one.refused[0]
        of = "" if app == DEFAULT_APP else f" with app {app}"
        if len(refused) == len(found):
            remedy = "look at app key and secret, the app's list of addresses and the certificates: all workers have it"
        else:
            remedy = "compare that worker's app secret, address, clock and certificates with those of the others"
        yield bad("refused workers", f"TikTok refuses worker {one.name}{of}: {words}", remedy)
    if found and not refused:
        yield ok("refused workers", "TikTok has refused none for its own sake")


def check_keys(found: Sequence[WorkerSeen]) -> Check:
    """Check by which token keys workers encrypt, and whether each has encrypted all records again."""
    name = "token keys in use"
    known = [one for one in found if one.key]
    if not known:
        return ok(name, "no worker reports its token key")
    keys = Counter(one.key for one in known)
    if len(keys) > 1:
        text = ", ".join(
            f"{number} of {len(known)} workers encrypt by key {key}" for key, number in sorted(keys.items())
        )
        return warn(name, text, "go on with the restarts until all name the same key first")
    (key,) = keys
    if late := [one.name for one in known if one.records < 0]:
        text = f"{len(late)} of {len(known)} workers have not encrypted the records by key {key} yet: {late[0]}"
        return warn(name, text, "wait some seconds, and look again")
    if unreadable := max(one.unreadable for one in known):
        text = f"key {key} encrypts, and a worker cannot open {unreadable} records"
        return warn(name, text, "keep the older keys in SHOPSTREAM_TOKEN_KEYS, behind the first")
    workers = "the worker encrypts" if len(known) == 1 else f"all {len(known)} workers encrypt"
    records = max(one.records for one in known)
    if not records:  # those of consents or of an import since then are not counted yet
        return ok(name, f"{workers} by key {key}; the last check, every five minutes, found no record")
    return ok(name, f"{workers} by key {key}, and all {records} records are encrypted by it: older keys may go")
