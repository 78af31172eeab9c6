"""A receiver, and a sandbox of which nothing but its catalogue is from another test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.sandbox.caller import Caller
from tests.sandbox.webhook.receiver import Receiver, receiving


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def seller(me: Caller, receiver: Receiver) -> AsyncIterator[Caller]:
    """The first shop's seller, whose notifications all come to the receiver."""
    await me.box.control("webhooks", reset=True, url=receiver.url)
    yield me
    await me.box.control("sale", stop=True)
    await me.box.control("webhooks", reset=True)
