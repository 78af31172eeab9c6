"""Start a program that refuses to start, and read the one line that it says."""

import asyncio

from tests.processes import KEY, program


async def read_refusal(url: str, module: str, **env: str) -> str:
    """Start a worker or a gateway on a Redis that it refuses; return its line."""
    names = {"APP_KEY": "k", "APP_SECRET": "s", "TOKEN_KEYS": KEY, "REDIS_URL": url, "LOG_LEVEL": "error", **env}
    names |= {"GATEWAY_PUBLIC": "127.0.0.1:0", "GATEWAY_PRIVATE": "127.0.0.1:0"}
    async with program(module, env={f"SHOPSTREAM_{name}": value for name, value in names.items()}) as child:
        _, errors = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode == 2, errors
    (line,) = errors.decode().splitlines()
    return line
