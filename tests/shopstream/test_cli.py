"""What the command line says to somebody who got something wrong: one line, what to do, exit code 1."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ReadOnlyError, RedisError, ResponseError

from shopstream import SyncClient, WalkProgress
from shopstream.cli.output.documents import ShopDocument, WalkFigures
from shopstream.cli.terminal import describe_redis_error
from shopstream.errors import UntrustedRedis
from shopstream.redis.connection import connect
from shopstream.redis.keys import Partition
from shopstream.redis.urls.certificates import check_certificates
from shopstream.registry.shop import Shop
from tests.processes import program, settle, until
from tests.running.refused_start import read_refusal
from tests.running.tls import Authority, tls_front

ROOT = Path(__file__).parents[2]
SHOP = "7495"


async def run(
    redis_url: str | None, *arguments: str, stdin: str = "", cwd: Path = ROOT, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = ["shopstream.cli", *arguments, *(["--redis-url", redis_url] if redis_url else [])]
    more = {"PYTHONPATH": str(ROOT)} | (env or {})
    if not stdin and cwd == ROOT:
        async with program(*command, env=more) as child, asyncio.timeout(60):
            out, errors = await child.communicate()
        return subprocess.CompletedProcess(command, child.returncode or 0, out.decode(), errors.decode())
    return await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", *command], cwd=cwd, input=stdin, capture_output=True, text=True,
        timeout=60, env=os.environ | more,
    )  # fmt: skip


@pytest.fixture
async def known(redis: Redis) -> Redis:
    shop = Shop(SHOP, "Name", "VN", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", 2**32)
    await redis.hset(Partition(0).registry, SHOP, shop.to_json())  # type: ignore[misc]
    return redis


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sync", "products", "123", "1"], "shop 123 is not authorized"),
        (["sync", "products", SHOP, "../x"], "'../x' is not a product id"),
        (["sync", "products", SHOP, "1?a=b"], "is not a product id"),
        (["sync", "products", SHOP, ""], "is not a product id"),
        (["sync", "products", SHOP, "1" * 40], "1 to 21 digits"),
        (["sync", "products", "x", "1"], "is not a shop id"),
    ],
)
async def test_bad_input_is_one_line(known: Redis, redis_url: str, arguments: list[str], said: str) -> None:
    done = await run(redis_url, *arguments)
    assert done.returncode == (1 if "not authorized" in said else 2)
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert await known.zcard(Partition(0).backlog("products", SHOP)) == 0


async def test_no_redis_is_one_line() -> None:
    done = await run("redis://user:canary@127.0.0.1:1/0", "shops")
    assert done.returncode == 1
    assert "SHOPSTREAM_REDIS_URL" in done.stderr
    assert "canary" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


async def test_a_negative_number_of_events_is_a_wrong_option() -> None:
    done = await run("redis://127.0.0.1:1/0", "tail", "stock", "-n", "-1")
    assert (done.returncode, "-n" in done.stderr) == (2, True)


async def test_ids_from_standard_input_and_json_for_programs(known: Redis, redis_url: str) -> None:
    done = await run(redis_url, "sync", "products", SHOP, "-", "--json", stdin="10 11\n12")
    request = json.loads(done.stdout)
    assert request["asked"] == 3
    assert request["request"].startswith(f"products:{SHOP}:")
    assert await known.zcard(Partition(0).backlog("products", SHOP)) == 3
    done = await run(redis_url, "shops", "--json")
    assert json.loads(done.stdout)["shop_id"] == SHOP


async def test_authorize_without_a_worker_says_so_and_takes_the_code_back(redis: Redis, redis_url: str) -> None:
    from shopstream import NoWorker, SyncClient

    async with SyncClient(redis_url) as client:
        with pytest.raises(NoWorker, match="python -m worker"):
            await client.authorize("code-canary", timeout=0.3)
    assert [key async for key in redis.scan_iter("*code*")] == []
    assert await redis.zcard(Partition(0).due) == 0


@pytest.mark.parametrize("code", ["", " ", "second code-canary", "https://app.test/back?code=code-canary&state=1"])
@pytest.mark.usefixtures("known")
async def test_what_can_be_no_code_is_refused_at_once_and_not_shown(redis_url: str, code: str) -> None:
    refused = await run(redis_url, "authorize", code)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert "the value of `code=` in the URL" in refused.stderr
    assert "canary" not in refused.stderr


@pytest.mark.usefixtures("known")
async def test_settings_are_read_from_an_env_file_and_the_environment_wins(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f"# as copied\nexport SHOPSTREAM_REDIS_URL='{redis_url}'\nshopstream_service_id=70 # mine\nOTHER=1\n"
    )
    done = await run(None, "shops", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["shop_id"] == SHOP, done.stderr
    assert "service_id=70&" in (await run(None, "authorize-url", cwd=tmp_path)).stdout
    other = await run(None, "authorize-url", cwd=tmp_path, env={"SHOPSTREAM_SERVICE_ID": "71"})
    assert "service_id=71&" in other.stdout
    sandbox = {"SHOPSTREAM_AUTHORIZE_URL": "http://127.0.0.1:9/"}
    here = await run(None, "authorize-url", "--us", cwd=tmp_path, env=sandbox)
    assert here.stdout.startswith("http://127.0.0.1:9/open/authorize?service_id=70&state=")
    for wrong in ("http://shops.example.com", "https://u@h", "https://h/path", "https://h?a=b", "h", "https://h:x"):
        refused = await run(None, "authorize-url", cwd=tmp_path, env={"SHOPSTREAM_AUTHORIZE_URL": wrong})
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "SHOPSTREAM_AUTHORIZE_URL is no scheme and host" in refused.stderr
    away = await run(None, "shops", cwd=tmp_path, env={"SHOPSTREAM_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert (away.returncode, "cannot connect to Redis" in away.stderr) == (1, True)


async def test_a_wrong_password_is_told_as_such(redis_url: str) -> None:
    done = await run(redis_url.replace("://", "://nobody:canary@"), "shops")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "refused user or password" in done.stderr
    assert "canary" not in done.stderr


@pytest.mark.parametrize(("document", "record"), [(ShopDocument, Shop), (WalkFigures, WalkProgress)])
def test_a_document_for_programs_has_every_field_of_its_record(document: type, record: type) -> None:
    assert {field.name for field in fields(record)} <= document.__annotations__.keys()


@pytest.fixture
async def untrusted(redis_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """A URL of Redis, all but its scheme, whose certificate is of an authority that isn't trusted."""
    right, wrong = Authority(tmp_path), Authority(tmp_path, "stranger")
    port = int(redis_url.rsplit(":", 1)[1].partition("/")[0])
    async with tls_front(right.context("localhost"), port) as front:
        yield f"nobody:canary@localhost:{front.port}?ssl_ca_certs={wrong.path}"
    assert not front.heard, "no password was sent"


@pytest.mark.parametrize("name", ["shops", "doctor", "worker", "gateway"])
async def test_a_certificate_that_is_not_trusted_is_told_as_such(untrusted: str, name: str) -> None:
    url = f"rediss://{untrusted}"
    if name in {"worker", "gateway"}:
        said = await read_refusal(url, name)
    else:
        done = await run(url, name, *(["--json"] if name == "doctor" else []))
        assert done.returncode == (2 if name == "doctor" else 1)
        assert len(done.stderr.splitlines()) == (name == "shops")
        said = done.stdout + done.stderr
    assert "certificate" in said
    assert "ssl_ca_certs=FILE" in said
    assert "canary" not in said


@pytest.mark.parametrize("name", ["shops", "doctor", "worker"])
async def test_tls_to_a_port_without_it_is_told_as_what_it_may_be(redis_url: str, name: str) -> None:
    url = redis_url.replace("redis://", "rediss://nobody:canary@")
    if name == "worker":
        said = await read_refusal(url, name)
    else:
        done = await run(url, name)
        said = done.stdout + done.stderr
    assert "its port speaks no TLS (then write redis:// instead of rediss://" in said
    assert "canary" not in said


async def test_the_same_of_a_clusters_node(untrusted: str) -> None:
    async def ask() -> bool:
        """A node has half a second to answer: on a busy machine this may be too short for it."""
        async with SyncClient(f"rediss+cluster://{untrusted}") as client:
            with pytest.raises(RedisError) as caught:
                await client.list_shops()
        return isinstance(caught.value, UntrustedRedis)

    assert await until(ask)


@pytest.mark.parametrize(("host", "days"), [("localhost", -1), ("elsewhere.example", 1)])
async def test_an_expired_certificate_and_that_of_another_host_are_the_same_error(
    redis_url: str, tmp_path: Path, host: str, days: int
) -> None:
    authority = Authority(tmp_path)
    port = int(redis_url.rsplit(":", 1)[1].partition("/")[0])
    async with tls_front(authority.context(host, days=days), port) as front:
        async with connect(f"rediss://localhost:{front.port}?ssl_ca_certs={authority.path}", retry=True) as redis:
            with pytest.raises(UntrustedRedis):
                await redis.get("key")
        assert not front.heard


@pytest.mark.parametrize("name", ["shops", "doctor", "worker", "gateway"])
@pytest.mark.parametrize("parameter", ["ssl_ca_certs", "ssl_certfile"])
@pytest.mark.parametrize("content", [None, "junk"])
async def test_a_certificate_file_that_cannot_be_used_is_told_at_once(
    tmp_path: Path, name: str, parameter: str, content: str | None
) -> None:
    file = tmp_path / "canary.pem"
    if content:
        file.write_text(content)
    # Nothing listens there: the file is read before.
    url = f"rediss://nobody:canary@localhost:1?{parameter}={file}"
    if name in {"worker", "gateway"}:
        said = await read_refusal(url, name)
    else:
        done = await run(url, name)
        assert done.returncode in {1, 2}
        said = done.stdout + done.stderr
    assert f"names a file by {parameter} that" in said
    assert ("can't be read" if content is None else "in PEM") in said
    assert "canary" not in said


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("ssl_certfile={own}&ssl_keyfile={strange}", "by ssl_certfile that holds no certificate with its key"),
        ("ssl_certfile={own}&ssl_keyfile=/nowhere", "by ssl_certfile that can't be read"),
        ("ssl_ca_certs={strange}", "by ssl_ca_certs that holds no certificates"),
    ],
)
def test_other_faults_of_certificates_in_a_url(tmp_path: Path, query: str, words: str) -> None:
    Authority(tmp_path).context("localhost")
    (strange := tmp_path / "strange.pem").write_text("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n")
    files = query.format(own=tmp_path / "localhost-1.pem", strange=strange)
    for scheme in ("rediss", "rediss+cluster"):
        with pytest.raises(ValueError, match=words):
            connect(f"{scheme}://localhost:1?{files}")


def test_a_folder_of_authorities_that_is_missing_is_told_where_redis_py_takes_one() -> None:
    with pytest.raises(ValueError, match="no folder by ssl_ca_path"):
        check_certificates({"ssl_ca_path": "/nowhere"})


async def run_in_shell(redis_url: str, words: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", f'exec "$0" -m shopstream.cli {words}', sys.executable]
    env = os.environ | {"SHOPSTREAM_REDIS_URL": redis_url}
    return await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("words", ["shops --json", "settings 7495", "status --json", "authorize-url --service-id 1"])
async def test_an_output_that_takes_no_more_is_no_fault_of_redis(redis: Redis, redis_url: str, words: str) -> None:
    await settle(redis)
    done = await run_in_shell(redis_url, f"{words} > /dev/full")
    assert (done.returncode, done.stderr) == (1, "the output can't be written: No space left on device\n")


@pytest.mark.usefixtures("known")
async def test_a_command_without_standard_output_ends_as_with_it(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    done = await run_in_shell(redis_url, "settings 7495 >&-")
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_redis_that_takes_no_writes_is_told_as_such(known: Redis, redis_url: str) -> None:
    for setting, value, words in (
        ("maxmemory", "1", "Redis is full"),
        ("min-replicas-to-write", "1", "refuses commands at present (NOREPLICAS): try again"),
    ):
        before = (await known.config_get(setting))[setting]
        await known.config_set(setting, value)
        try:
            result = await run(redis_url, "pause", SHOP)
        finally:
            await known.config_set(setting, before)
        assert (result.returncode, words in result.stderr, result.stderr.count("\n")) == (1, True, 1), result.stderr


def test_a_replica_is_told_as_such_and_no_text_of_an_error_is_shown() -> None:
    assert "is a replica" in describe_redis_error(ReadOnlyError("You can't write against a read only replica."))
    assert "canary" not in describe_redis_error(ResponseError("ERR wrong canary"))


async def test_closed_streams_are_no_traceback(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    said = {
        "export - >&-": "standard output is closed",
        "import - <&-": "",
        "authorize - <&-": "",
        f"sync products {SHOP} - <&-": "",
        "setup --app-key k --service-id 1 --folder /nowhere <&-": "",
    }
    for arguments, text in said.items():
        line = f"{sys.executable} -m shopstream.cli {arguments}"
        env = os.environ | {"PYTHONPATH": str(ROOT), "SHOPSTREAM_REDIS_URL": redis_url}
        child = await asyncio.create_subprocess_shell(line, env=env, stderr=asyncio.subprocess.PIPE)
        errors = (await child.communicate())[1].decode()
        assert "Traceback" not in errors, (arguments, errors)
        assert text in errors, (arguments, errors)
