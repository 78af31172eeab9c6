"""Send commands to the nodes of their keys, together, and again where a node says so or was away."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from shopstream.redis.cluster.cluster_errors import NoCluster, note_node
from shopstream.redis.cluster.hash_slots import find_slot
from shopstream.redis.cluster.key_places import find_key
from shopstream.redis.cluster.nodes import Nodes
from shopstream.redis.cluster.redirects import Redirect, is_down, is_moving
from shopstream.redis.urls.host_list import Address

Command = tuple[tuple[Any, ...], Mapping[str, Any]]
"""A command with its arguments, and the options by which redis-py reads its answer."""
HOME: Final = find_slot("{0}")
"""The slot of partition 0, where commands without a key go."""
MOVE_SECONDS: Final = 5.0
"""Seconds for which a command follows a slot that moves. A node refused it, so it never runs twice."""
_PAUSES: Final = (0.0, 0.0, 0.05, 0.1, 0.25)
"""Seconds before the next attempts; the last one counts for all further ones."""


@dataclass(slots=True)
class _Routed:
    """A command with the slot of its key, the node that another one has named for it, and its answer."""

    command: Command
    slot: int
    redirect: Redirect | None = None
    answer: Any = None


class Router:
    """The ways of commands to all nodes."""

    def __init__(self, nodes: Nodes, patience: Callable[[Exception], float]) -> None:
        """Take the nodes, and the seconds for which a command is sent again after an error: 0 for never."""
        self.nodes = nodes
        self._patience = patience

    async def run(self, commands: Sequence[Command], *, transaction: bool = False, home: int = HOME) -> list[Any]:
        """Send commands to all their nodes at the same time. Give the answers in order; an error is one.

        Commands without a key go where the first key is, or to the slot `home` if there is none. A transaction runs at
        one node, as a whole or not at all.

        Raises:
            ResponseError: the keys of a transaction are in several slots.
        """
        slots = [_slot_of(command) for command in commands]
        if transaction and len({slot for slot in slots if slot is not None}) > 1:
            raise ResponseError("CROSSSLOT the keys of a transaction are in several slots")
        home = next((slot for slot in slots if slot is not None), home)
        routed = [
            _Routed(command, home if slot is None else slot) for command, slot in zip(commands, slots, strict=True)
        ]
        waiting, attempts, began = routed, 0, time.monotonic()
        while waiting:
            await self._attempt(waiting, transaction=transaction)
            passed = time.monotonic() - began
            waiting = [one for one in waiting if isinstance(one.answer, Exception) and passed < self._wait(one)]
            if waiting:
                pause = _PAUSES[min(attempts + 2 * (waiting[0].redirect is None), len(_PAUSES) - 1)]
                await asyncio.sleep(pause)
            attempts += 1
        return [one.answer for one in routed]

    async def _attempt(self, waiting: Sequence[_Routed], *, transaction: bool) -> None:
        groups: dict[tuple[Address, bool], list[_Routed]] = {}
        for one in waiting:
            try:
                if one.redirect:
                    to = one.redirect.node, one.redirect.asking
                else:
                    to = await self.nodes.find(one.slot), False
            except (RedisError, OSError) as error:
                one.answer = error
            else:
                groups.setdefault(to, []).append(one)
        sending = [self._send(to, asking, group, transaction) for (to, asking), group in groups.items()]
        if len(sending) == 1:
            await sending[0]
        else:
            await asyncio.gather(*sending)

    async def _send(self, node: Address, asking: bool, group: Sequence[_Routed], transaction: bool) -> None:  # noqa: FBT001
        """Send the commands of one node, and note its answers."""
        commands = [one.command for one in group]
        answers: list[Any]
        try:
            answers = await _execute(self.nodes.client(node), commands, asking=asking, transaction=transaction)
        except (RedisError, OSError) as error:
            answers = [error] * len(group)
            note_node(error, node)
            if not isinstance(error, ResponseError):
                self.nodes.suspect(node)
        for one, answer in zip(group, answers, strict=True):
            one.answer, one.redirect = answer, None
            if not isinstance(answer, Exception):
                continue
            if isinstance(answer, NoPermissionError):
                note_node(answer, node)
            if redirect := Redirect.read(answer, node):
                one.redirect = redirect
                if not redirect.asking:
                    self.nodes.move(redirect.slot, redirect.node)

    def _wait(self, one: _Routed) -> float:
        """Compute the seconds from the first attempt for which a failed command is sent again."""
        if one.redirect or is_moving(one.answer):
            return MOVE_SECONDS
        return self._patience(NoCluster() if is_down(one.answer) else one.answer)


async def _execute(node: Redis, commands: Sequence[Command], *, asking: bool, transaction: bool) -> list[Any]:
    """Send commands to one node in one round trip, and give their answers."""
    if len(commands) == 1 and not asking and not transaction:
        [(args, options)] = commands
        try:
            return [await node.execute_command(*args, **options)]  # type: ignore[no-untyped-call]
        except ResponseError as error:
            return [error]
    async with node.pipeline(transaction=transaction) as pipe:
        if asking and transaction:
            # MULTI keeps what ASKING has allowed until EXEC.
            await pipe.immediate_execute_command("ASKING")  # type: ignore[no-untyped-call]
        alone = asking and not transaction
        for args, options in commands:
            if alone:
                pipe.execute_command("ASKING")
            pipe.execute_command(*args, **options)
        try:
            answers: list[Any] = await pipe.execute(raise_on_error=False)
        except ResponseError as error:  # of a transaction that did not run
            return [error] * len(commands)
    return answers[1::2] if alone else answers


def _slot_of(command: Command) -> int | None:
    key = find_key(command[0])
    return None if key is None else find_slot(key)
