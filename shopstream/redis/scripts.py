"""Run the package's Lua scripts, many in one round trip. Each script touches the keys of one slot."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Script:
    """One Lua file of this package, beside the module that uses it."""

    name: str
    text: str = field(init=False, repr=False)
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = (_ROOT / self.name).read_text()
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "digest", hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Call:
    """A script with its keys and arguments."""

    script: Script
    keys: Sequence[str]
    args: Sequence[str | bytes | int]


async def run(redis: Redis, calls: Sequence[Call]) -> list[Any]:
    """Send all calls together and return their answers. The answer of a failed script is its exception.

    A server that lacks a script, after a restart or SCRIPT FLUSH, gets its text.

    Raises:
        ConnectionError, TimeoutError: redis's. Each call may have run or not.
    """
    if not calls:
        return []
    async with redis.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.evalsha(call.script.digest, len(call.keys), *call.keys, *call.args)  # type: ignore[arg-type]
        answers: list[Any] = await pipe.execute(raise_on_error=False)
    unknown = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
    if unknown:
        async with redis.pipeline(transaction=False) as pipe:
            for at in unknown:
                call = calls[at]
                pipe.eval(call.script.text, len(call.keys), *call.keys, *call.args)  # type: ignore[arg-type]
            again: list[Any] = await pipe.execute(raise_on_error=False)
        for at, answer in zip(unknown, again, strict=True):
            answers[at] = answer
    return answers
