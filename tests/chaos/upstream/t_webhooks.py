"""T31: webhooks that are forged, repeated, too large, slow or nonsense, while true ones go on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import psutil

from benchmarks.gateway.flash_record import FlashRecord
from benchmarks.gateway.flash_stand import Stand
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import Stage, stage
from tests.chaos.tools import attacks
from tests.chaos.tools.attacks import Kept
from tests.chaos.tools.cpu import cpu_seconds
from tests.chaos.tools.proxy import proxy
from tests.gateway.process import Gateway, gateway
from tests.processes import until

REPEATS: Final = 1_000
SLOW_MOST: Final = 100
RETRY_SECONDS: Final = 121
"""Seconds after which TikTok sends a push again that had no answer."""
CPU_MS_MOST: Final = 4.0
"""Milliseconds of a core a request. About 0.5 were measured; a busy machine takes longer for the same."""
MEMORY_MIB_MOST: Final = 48
"""MiB by which a gateway may grow."""
PATIENCE_SECONDS: Final = 120


@dataclass(frozen=True)
class Use:
    """The CPU, in seconds, and the memory, in bytes, of some processes."""

    cpu: float
    memory: int

    @classmethod
    def read(cls, doors: Sequence[Gateway]) -> "Use":
        """Read those of gateways: the CPU of all, the memory of the largest."""
        pids = [door.child.pid for door in doors]
        return cls(sum(map(cpu_seconds, pids)), max(psutil.Process(pid).memory_info().rss for pid in pids))


async def webhooks(size: Size, seed: int) -> Result:
    """A sale is pushed to one of two gateways. Both get everything bad meanwhile."""
    skus = size.pick(short=20, ci=100, nightly=200)
    rate = size.pick(short=40, ci=50, nightly=100)
    seconds = size.pick(short=5, ci=90, nightly=600)
    number = size.pick(short=10, ci=300, nightly=3_000)
    options = ("--shops", "1", "--products", str(skus), "--seed", str(seed))
    async with stage(*options) as made, _doors(made) as doors:
        stand = Stand(made.front, made.client, doors[0].public)
        (shop,) = stand.shops
        await stand.load()
        sold = await stand.skus(shop, skus + 1)
        await stand.fill({shop: sold})
        kept = Kept(cut_sku=sold.pop())
        address = doors[0].public.rpartition(":")
        async with proxy("127.0.0.1", int(address[2]), tap=kept) as between:
            stand.url = between.url("http", "")
            await stand.mark(timeout_ms=60_000)
            sale = {"shop_id": shop, "per_second": rate, "sales": rate * seconds}
            await made.front.control("sale", sku_ids=sold, **sale)
            await made.front.control("order", shop_id=shop, sku_id=kept.cut_sku, event="created")
            await until(lambda: _has_some(kept, rate), seconds=60)
            before, came = Use.read(doors), len(kept.pushes)
            sent = await _attack(made, doors, kept, number)
            use, came = Use.read(doors), len(kept.pushes) - came
            await until(lambda: _is_over(stand), seconds=60 + 2 * seconds)
            # TikTok repeats the push that had no answer: the gateways know it from its copies.
            await made.front.control("clock", offset_seconds=RETRY_SECONDS)
            record = await stand.settled(PATIENCE_SECONDS)
        _check(record, await attacks.count_webhooks(doors), sent, pushes=rate * seconds + 1)
        bad = sent.total()
        cpu = 1000 * (use.cpu - before.cpu) / (bad + came)
        grown = (use.memory - before.memory) / 2**20
        assert cpu <= CPU_MS_MOST, f"{cpu:.2f} ms of CPU a request"
        assert grown <= MEMORY_MIB_MOST, f"a gateway grew by {grown:.0f} MiB"
        result = await _judge(made, stand, shop)
        result.runs = bad
        result.note = (
            f"{bad:,} bad webhooks beside {len(record.pushes):,} true ones: {cpu:.1f} ms of CPU each (at most "
            f"{CPU_MS_MOST}), a gateway grew by {grown:.0f} MiB (at most {MEMORY_MIB_MOST})"
        )
    return result


@asynccontextmanager
async def _doors(made: Stage) -> AsyncIterator[list[Gateway]]:
    app = {name: made.env[name] for name in ("SHOPSTREAM_APP_KEY", "SHOPSTREAM_APP_SECRET")}
    async with gateway(made.valkey.url, **app) as first, gateway(made.valkey.url, **app) as second:
        yield [first, second]


async def _has_some(kept: Kept, number: int) -> bool:
    return len(kept.pushes) >= number and kept.cut is not None


async def _is_over(stand: Stand) -> bool:
    return bool((await stand.front.see("sale"))["over"])


async def _attack(made: Stage, doors: Sequence[Gateway], kept: Kept, number: int) -> Counter[str]:
    """Send everything bad at once, check each answer, and count the requests by the gateway's word for them."""
    true, cut = kept.pushes[0], kept.cut
    assert cut is not None
    secrets = made.front.app_secret, made.front.app_key
    bad = [make(*secrets, true[0]) for make in (attacks.forge, attacks.garble, attacks.oversize)]
    turns = [([attacks.repeat(true)], REPEATS), ([attacks.repeat(cut)], REPEATS)]
    turns += [([one for some in bad for one in some], number), ([attacks.SLOW], min(number, SLOW_MOST))]
    wrong = await asyncio.gather(*(attacks.attack_all(doors, some, times) for some, times in turns))
    answers = Counter(one for some in wrong for one in some)
    assert not answers, f"other answers than the right ones: {answers}"
    sent = Counter[str]()
    for some, times in turns:
        for one in some:
            sent[one.result] += times
    return sent


def _check(record: FlashRecord, counts: Counter[str], sent: Counter[str], pushes: int) -> None:
    """Each true push counts once, each bad one for its fault, and events come of the true ones alone."""
    assert len(record.pushes) == pushes
    # Of the copies of the push that was cut off one is accepted, and TikTok's own repeat isn't.
    expected = sent + Counter({"accepted": pushes})
    del expected[""]
    assert counts == expected, f"{counts}, not {expected}"
    assert all(push.answered for push in record.pushes)
    assert not (faults := record.list_faults()), "\n".join(faults)
    assert not [event for event in record.events if event.units == attacks.FORGED_UNITS]
    known = {push.id for push in record.pushes}
    assert not [event for event in record.events if event.origin == "webhook" and event.cause not in known]


async def _judge(made: Stage, stand: Stand, shop: str) -> Result:
    """Have everything fetched once more, and let the checker compare it with the sandbox."""
    await stand.front.control("webhooks", reset=True)
    await made.ask(shop, await made.products(shop))
    await made.settle()
    await made.end_workers()
    return await made.judge()


CASES = [Case("T31", "webhooks forged and repeated", webhooks)]
