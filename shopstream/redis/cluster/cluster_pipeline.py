"""Collect commands for several nodes, as redis-py's pipeline does for one server."""

from typing import Any

from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

from shopstream.redis.cluster.router import Router


class ClusterPipeline(Pipeline):
    """Commands that are sent together, those of each node in one round trip.

    As a transaction they must have keys of one slot. Without it each is answered by itself: with
    `raise_on_error=False` the error of a node that was away is the answer of its own commands alone.
    """

    def __init__(self, router: Router, *, transaction: bool, **options: Any) -> None:
        super().__init__(transaction=transaction, shard_hint=None, **options)
        self._router = router

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's
        """Send all commands, and give their answers in order.

        Raises:
            RedisError: the first error, or with `raise_on_error=False` only if nothing has run.
        """
        commands, transaction = self.command_stack, self.is_transaction
        await self.reset()  # type: ignore[no-untyped-call]
        answers = await self._router.run(commands, transaction=transaction) if commands else []
        failed = [one for one in answers if isinstance(one, Exception)]
        # Nothing has run: a transaction was refused as a whole, or no node was there.
        nothing = len(failed) == len(answers) and (
            (transaction and len(set(map(id, failed))) == 1)
            or not any(isinstance(one, ResponseError) for one in failed)
        )
        if failed and (raise_on_error or nothing):
            raise failed[0]
        return answers
