"""Which files the contract consists of, and what is in them."""

import json
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from contract import asyncapi, configure, metrics, pages, schemas, tiktok
from contract.samples import samples

ROOT: Final = Path(__file__).parent.parent
RELEASED: Final = ROOT / "tests" / "contract" / "released"
PAGE: Final = "docs/events.md"
TIKTOK: Final = "docs/tiktok.md"
METRICS: Final = "docs/metrics.md"
CONFIGURE: Final = "docs/configure.md"
FOLDERS: Final = ("shopstream/schemas", "shopstream/samples")
"""Folders that hold generated files and nothing else."""


def list_releases() -> list[str]:
    """List the released versions of the contract, the newest last."""
    return sorted((path.name for path in RELEASED.iterdir()), key=lambda name: tuple(map(int, name.split("."))))


async def generated(redis: Redis, version: str | None = None) -> dict[str, str]:
    """Path below the project → text, for every generated file. `redis` is for the samples, and must be empty.

    `version` is that of a release that begins; else the document names the last one, which it extends.
    """
    made = {f"shopstream/schemas/{path}": _json(schema) for path, schema in schemas.all_schemas().items()}
    made["shopstream/asyncapi.yaml"] = asyncapi.document(version or list_releases()[-1])
    events = await samples(redis)
    made |= {f"shopstream/samples/{name}.json": _json(sample) for name, sample in events.items()}
    made[PAGE] = pages.filled((ROOT / PAGE).read_text(), events)
    made[TIKTOK] = tiktok.filled((ROOT / TIKTOK).read_text())
    made[METRICS] = metrics.filled((ROOT / METRICS).read_text())
    made[CONFIGURE] = configure.filled((ROOT / CONFIGURE).read_text())
    return made


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
