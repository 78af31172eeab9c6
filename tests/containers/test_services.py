"""Each service's command and health check, from a folder that holds what the image holds.

`make image` runs the same in the image itself.
"""

import asyncio
import signal
from pathlib import Path

from aiohttp import web

from tests.containers.places import make_folder
from tests.containers.running import Deployment, check_demo, check_own_shops, read_services, set_up
from tests.processes import free_port, process, until
from tests.sources import ROOT

HEALTHCHECK = str(ROOT / "deploy" / "image" / "healthcheck")


async def test_own_shops_start_as_compose_says(tmp_path: Path) -> None:
    await check_own_shops(await set_up(make_folder(tmp_path / "image"), tmp_path))


async def test_the_demo_starts_as_compose_says(tmp_path: Path) -> None:
    await check_demo(Deployment(make_folder(tmp_path / "image"), tmp_path, read_services()))


async def ask(port: int, *words: str) -> tuple[int | None, str]:
    async with process(HEALTHCHECK, str(port), *words) as child:
        out, err = await asyncio.wait_for(child.communicate(), 30)
    assert err == b""
    return child.returncode, out.decode()


async def test_a_health_check_prints_the_answer_in_a_line_and_ends_with_its_status() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text='{"ok":\n true}\n', status=200 if request.path == "/health" else 503)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port := free_port())
    await site.start()
    try:
        assert await ask(port) == (0, '{"ok":  true} \n')
        assert await ask(port, "/readyz") == (1, '{"ok":  true} \n')
    finally:
        await runner.cleanup()


async def test_a_health_check_of_nobody_ends_with_the_reason() -> None:
    port = free_port()
    assert await ask(port) == (1, f"no answer on port {port}: not started yet, or gone\n")


async def test_a_health_check_of_a_frozen_process_ends_by_itself() -> None:
    port = free_port()
    async with process("python3", "-m", "http.server", "--bind", "127.0.0.1", str(port)) as server:

        async def is_listening() -> bool:
            return (await ask(port, "/"))[0] == 0

        await until(is_listening)
        server.send_signal(signal.SIGSTOP)
        try:
            assert await ask(port, "/") == (1, f"no answer on port {port} within 3 s: frozen, or very busy\n")
        finally:
            server.send_signal(signal.SIGCONT)


async def test_a_health_check_of_a_server_that_hangs_up_ends_with_the_reason() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", port := free_port())
    async with server:
        assert await ask(port) == (1, f"port {port} answered nothing\n")
