"""A process with a real token store and many askers: `python -m tests.chaos.tools.askers AUTHORIZATION ASKERS`.

For each line on stdin, the version that is known, all of them ask for a newer pair; one JSON line says what they got.
"""

import asyncio
import json
import sys
import time

from config import settings as configuration
from worker.redis import pool as redis
from worker.tiktok.auth import AuthClient
from worker.tiktok.http import new_session
from worker.tokens.token_store import TokenStore
from worker.tokens.vault import Vault


async def _serve(name: str, askers: int) -> None:
    settings = configuration.load()
    client = redis.client(settings.redis())
    async with new_session() as session:
        auth = AuthClient(session, settings.auth_url, settings.app_key, settings.app_secret.reveal())
        store = TokenStore(client, Vault(settings.keys()), auth.refresh, partitions=settings.partitions or 1)
        await store.load(name)
        _say({"ready": True})
        while line := await asyncio.to_thread(sys.stdin.readline):
            began = time.monotonic()
            found = await asyncio.gather(*(store.refresh(name, int(line)) for _ in range(askers)))
            _say({"versions": sorted({one.version for one in found}), "seconds": time.monotonic() - began})
    await client.aclose()


def _say(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
