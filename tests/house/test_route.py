"""docs/route.md names the modules that an id, a consent and a sync of a whole shop pass through, as they really run.

A real worker does the work with a profile hook around it (tests/running/traced.py), and the calls are held
against the page.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shopstream import EventConsumer
from shopstream.enqueue import consent, reasons, requests, walk_requests
from shopstream.state import watching
from tests.processes import Sandbox, patient, sandbox, worker
from tests.running.traced import OUTSIDE, TRACE, recorder
from tests.sources import ROOT

PAGE: Final = (ROOT / "docs" / "route.md").read_text()
SEED: Final = "1731029337055922770"
WITHIN: Final = 60
ANY: Final = "any time"
SOMETIMES: Final = "not always"
INSTRUMENTATION: Final = "worker/instrumentation/"
REPORTING: Final = frozenset(f"{INSTRUMENTATION}{name}.py" for name in ("instrument", "timer", "refreshes"))
"""The modules of instrumentation that report. The others are the backends and their dispatcher."""
TABLES: Final = ("product", "stock", "event", "consent", "sync")
Calls = list[tuple[str, str]]
"""File and function, in the order in which they were called first."""


@dataclass(frozen=True)
class Listed:
    """A module as the page lists it: in its place, at any time, or as one that doesn't run each time."""

    path: str
    when: str = ""


def lists(page: str) -> dict[str, list[Listed]]:
    """The page's lists of modules by the name in the comment before each."""
    found = re.findall(r"<!-- route: (\w+)(, in any order)? -->\n+```text\n(.*?)```", page, re.DOTALL)
    return {
        name: [listed(line, ANY if unordered else "") for line in text.splitlines()] for name, unordered, text in found
    }


def listed(line: str, when: str) -> Listed:
    found = re.fullmatch(rf"(\S+\.py)(?: \(({ANY}|{SOMETIMES})\))?", line)
    assert found, f"docs/route.md: {line!r} is no module"
    return Listed(found[1], found[2] or when)


def named(page: str, table: str) -> Calls:
    """The modules and functions that a table of the page names."""
    rows = page.partition(f"<!-- table: {table} -->")[2].partition("<!-- end -->")[0]
    return re.findall(r"\| `(\S+\.py)` `([\w.]+)` \|$", rows, re.MULTILINE)


def faults(way: str, modules: Sequence[Listed], calls: Calls) -> Iterator[str]:
    """A sentence for each module that ran and isn't listed, is listed and didn't run, or ran in another order."""
    ran = [path for path in dict.fromkeys(path for path, _ in calls) if not is_backend(path)]
    paths = [module.path for module in modules]
    yield from (f"{way}: {path} ran, and docs/route.md doesn't list it" for path in ran if path not in paths)
    yield from (
        f"{way}: docs/route.md lists {module.path}, and it didn't run"
        for module in modules
        if module.path not in ran and module.when != SOMETIMES
    )
    placed = [module.path for module in modules if not module.when and module.path in ran]
    order = [path for path in ran if path in placed]
    different = next(((page, real) for page, real in zip(placed, order, strict=True) if page != real), None)
    if different:
        yield f"{way}: docs/route.md lists {different[0]} where {different[1]} ran first"


def is_backend(path: str) -> bool:
    """Tell whether a module receives reports: the page leaves it out, so that a new backend needs no edit of it."""
    return path.startswith(INSTRUMENTATION) and path not in REPORTING


@contextmanager
def traced(calls: Calls) -> Iterator[None]:
    """Note the functions of ours that this process calls, as tests/running/traced.py does for a worker."""
    lines: list[str] = []
    before = sys.getprofile()
    sys.setprofile(recorder(lines.append))
    try:
        yield
    finally:
        sys.setprofile(before)
        calls += by_job(lines).get(OUTSIDE, [])


def read(trace: Path) -> dict[str, Calls]:
    return by_job(trace.read_text().splitlines())


def by_job(lines: Sequence[str]) -> dict[str, Calls]:
    found: dict[str, Calls] = {}
    for line in lines:
        job, path, function = line.rstrip("\n").split("\t")
        found.setdefault(job, []).append((path, function))
    return found


IMPORTED = (consent, reasons, requests, walk_requests, watching)
"""Modules that the client imports when it needs them: what an import runs says nothing about the work."""


@dataclass
class Run:
    """The calls of one test, by the name that the page gives them, and those of clients that it has no list for."""

    ways: dict[str, Calls]
    clients: Calls

    async def ids(self, front: Sandbox, redis_url: str, trace: Path) -> None:
        """Consent, then a product id and a stock id, in one worker; a consumer reads an event of theirs."""
        env, shop = front.env(redis_url, **{TRACE: str(trace)}), front.shops[0]["shop_id"]
        async with patient(redis_url) as client, worker(env, "tests.running.traced") as process:
            with traced(self.clients):
                await front.authorize(client, timeout=WITHIN)
            with traced(self.ways.setdefault("enqueue", [])):
                request = await client.sync_products(shop, [SEED])
            await client.wait(request, timeout=WITHIN)
            await process.logged("drained")
            await client.wait(await client.sync_stock(shop, [SEED]), timeout=WITHIN)
            await process.logged("stock_drained")
            redis = client.redis
            with traced(self.ways.setdefault("consume", [])):
                async with EventConsumer(redis, stream="products", group="route", start="0") as consumer:
                    async for event in consumer:
                        await event.ack()
                        break
        jobs = read(trace)
        self.ways |= {name: jobs[name] for name in ("products", "stock")}
        self.ways |= {"consent": jobs["authorize"], "worker": jobs[OUTSIDE]}

    async def sync(self, front: Sandbox, redis_url: str, trace: Path) -> None:
        """A full sync, in a worker of its own: the products whose detail it wants are drained beside it."""
        env = front.env(redis_url, **{TRACE: str(trace)})
        async with patient(redis_url) as client, worker(env, "tests.running.traced") as process:
            with traced(self.clients):
                request = await client.sync_shop(front.shops[0]["shop_id"], full=True)
            await client.wait(request, timeout=WITHIN)
            await process.logged("walked")
        self.ways["sync"] = read(trace)["full"]


async def test_the_page_names_each_module_that_runs_and_no_other(redis_url: str, tmp_path: Path) -> None:
    run = Run({}, [])
    async with sandbox("--shops", "1", "--products", "3") as front:
        await run.ids(front, redis_url, tmp_path / "ids")
        await run.sync(front, redis_url, tmp_path / "sync")
    modules = lists(PAGE)
    assert set(modules) == set(run.ways)
    wrong = [sentence for way, calls in run.ways.items() for sentence in faults(way, modules[way], calls)]
    called = {*run.clients, *(call for calls in run.ways.values() for call in calls)}
    for table in TABLES:
        rows = named(PAGE, table)
        assert rows, f"docs/route.md has no table for {table}"
        wrong += [f"{table}: {name} of {path} is in the table, and didn't run" for path, name in {*rows} - called]
    assert not wrong, "\n".join(["docs/route.md is not what runs:", *wrong])


def test_a_page_that_is_wrong_is_told_by_a_sentence() -> None:
    backend = ("worker/instrumentation/another_backend.py", "f")
    page = [Listed("a.py"), Listed("b.py"), Listed("never.py"), Listed("log.py", ANY), Listed("retry.py", SOMETIMES)]
    right: Calls = [("log.py", "f"), backend, ("a.py", "f"), ("b.py", "f"), ("a.py", "g"), ("never.py", "f")]
    assert list(faults("way", page, right)) == []
    wrong: Calls = [("b.py", "f"), ("a.py", "f"), ("log.py", "f"), ("new.py", "f")]
    assert list(faults("way", page, wrong)) == [
        "way: new.py ran, and docs/route.md doesn't list it",
        "way: docs/route.md lists never.py, and it didn't run",
        "way: docs/route.md lists a.py where b.py ran first",
    ]


def test_a_list_in_any_order_gives_its_modules_no_place() -> None:
    page = (
        "<!-- route: x -->\n\n```text\na.py\nb.py (any time)\n```\n<!-- route: y, in any order -->\n```text\nc.py\n```"
    )
    assert lists(page) == {"x": [Listed("a.py"), Listed("b.py", ANY)], "y": [Listed("c.py", ANY)]}
