"""Remember the shops of a seller for TikTok's notifications that name the seller alone."""

from contextlib import suppress

from shopstream.registry import sellers
from worker.runtime import Runtime
from worker.tokens.authorizations import RecordUnreadable


async def remember_seller(runtime: Runtime, open_id: str, authorization: str) -> None:
    """Store the shops that this authorization and the seller's others cover; forget the seller without any."""
    shops: set[str] = set()
    for name in {authorization, *runtime.tokens.owners.list_names(open_id)}:
        with suppress(RecordUnreadable):
            shops |= set(await runtime.tokens.ciphers(name))
    if shops:
        await sellers.remember(runtime.redis, runtime.partitions, open_id, shops)
    else:
        await sellers.forget(runtime.redis, runtime.partitions, open_id)
