"""A worker's rooms around a real Redis, as `python -m worker` builds them; TikTok is nowhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from redis.asyncio import Redis

from tests.processes import KEY
from worker.backlog import Backlog
from worker.pacing import Pacer, Rates
from worker.publish import Publisher
from worker.registry import Registry
from worker.runtime import Runtime
from worker.tiktok.auth import AuthClient
from worker.tiktok.client import TikTokClient
from worker.tiktok.http import new_session
from worker.tokens import TokenStore
from worker.vault import Vault
from worker.walks import Walks

NOWHERE = "http://127.0.0.1:9"


@asynccontextmanager
async def runtime_of(redis: Redis) -> AsyncIterator[Runtime]:
    session = new_session()
    auth = AuthClient(session, NOWHERE, "key", "secret")
    try:
        yield Runtime(
            redis=redis,
            backlog=Backlog(redis),
            pacer=Pacer(redis, Rates()),
            publisher=Publisher(redis),
            walks=Walks(redis),
            tokens=TokenStore(redis, Vault([KEY]), auth.refresh, partitions=1),
            auth=auth,
            tiktok=TikTokClient(session, NOWHERE, "key", "secret"),
            partitions=1,
            instance="test",
            log=structlog.get_logger("test"),
            registry=Registry(redis),
        )
    finally:
        await session.close()
