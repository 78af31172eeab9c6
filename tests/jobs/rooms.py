"""A worker's rooms around a real Redis, as `python -m worker` builds them; TikTok is nowhere."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from redis.asyncio import Redis

from shopstream.authorizations.issuer import Issuer
from tests.processes import KEY
from worker.apps.token_apps import TokenApp
from worker.backlog.claims import Backlog
from worker.backlog.notice_lists import NoticeLists
from worker.pacing.pacer import Pacer, Rates
from worker.publishing.publisher import Publisher
from worker.publishing.push_publisher import PushPublisher
from worker.runtime import Runtime
from worker.shops.registrar import Registry
from worker.tiktok.auth import AuthClient
from worker.tiktok.http import new_session
from worker.tiktok.tiktok_client import TikTokClient
from worker.tiktok.tiktok_marketplace import TikTok
from worker.tokens.token_store import TokenStore
from worker.tokens.vault import Vault
from worker.walks.checkpoint import Walks

NOWHERE = "http://127.0.0.1:9"


@asynccontextmanager
async def runtime_of(
    redis: Redis, *keys: str, issuer: Issuer | None = None, further: Sequence[Issuer] = ()
) -> AsyncIterator[Runtime]:
    """`further`: the issuers of the apps beside the default one, each of which is named by its app key."""
    session = new_session()
    auth = AuthClient(session, NOWHERE, "key", "secret")
    marketplace = TikTok(TikTokClient(session, NOWHERE, "key", "secret"), auth)
    backlog, publisher = Backlog(redis), Publisher(redis)
    try:
        yield Runtime(
            redis=redis,
            backlog=backlog,
            notices=NoticeLists(redis),
            pacer=Pacer(redis, Rates()),
            publisher=publisher,
            pushes=PushPublisher(redis, publisher, backlog),
            walks=Walks(redis),
            tokens=TokenStore(
                redis,
                Vault(keys or [KEY]),
                marketplace.refresh,
                partitions=1,
                issuer=issuer,
                further=[TokenApp(one.app_key, one, marketplace.refresh) for one in further],
            ),
            marketplace=marketplace,
            partitions=1,
            instance="test",
            log=structlog.get_logger("test"),
            registry=Registry(redis),
        )
    finally:
        await session.close()
