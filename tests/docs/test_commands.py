"""Each command of each page is known: it names programs, options, services, files and settings that are there.

Those of README.md, docs/commands.md, docs/own-shop.md, docs/runbook.md and examples/README.md are run, too: in
tests/newcomer/test_readme.py, tests/commands/test_page.py, tests/docs/test_own_shop.py,
tests/monitoring/test_runbook.py and tests/examples. A block of a promise that is not kept yet has `<!-- not yet: … -->`
above it.
"""

import re
import secrets
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import measured, scaling, sizing
from config.gateway_settings import GatewaySettings
from config.variables.reading import read as read_settings
from tests.docs.blocks import SHELL, Block, read_blocks, read_inline_commands
from tests.docs.known_commands import find_faults, find_unknown_paths
from tests.sources import ROOT

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md"))
)
NOT_YET = "not yet"
LEFT_OUT = ("MissingParameter", "requires an argument", "Usage: ")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPSTREAM_SERVICE_ID", "42")  # as `.env` has it


def shells(page: Path) -> list[Block]:
    return [block for block in read_blocks(page) if block.language in SHELL]


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    return done.stdout


def faults_of(block: Block) -> list[str]:
    return [fault for line in block.commands for fault in (*find_faults(line), *find_unknown_paths(line))]


@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_the_page_is_known(page: str) -> None:
    for block in shells(ROOT / page):
        faults = faults_of(block)
        if block.mark.startswith(NOT_YET):
            assert faults, f"the promise is kept now, remove its mark: {block.text}"
        else:
            assert faults == []


@pytest.mark.parametrize("page", PAGES)
def test_each_command_within_a_sentence_is_known(page: str) -> None:
    """It may leave out its arguments, or have a word in place of a command."""
    lines = [line for line in read_inline_commands(ROOT / page) if "COMMAND" not in line]
    faults = [fault for line in lines for fault in find_faults(line)]
    assert [fault for fault in faults if not any(part in fault for part in LEFT_OUT)] == []


@pytest.mark.parametrize(
    "line",
    [
        "shopstream frobnicate",
        "shopstream sync shop SHOP --fully",
        "shopstream tail stock -n many",
        "docker compose exec nobody shopstream status",
        "docker compose exec worker shopstream statuses",
        "docker compose --profile nothing up",
        "docker compose up --scale workers=4",
        "kubectl exec deploy/shopstream-worker -- shopstream statuses",
        "helm upgrade shopstream deploy/nothing",
        "make everything",
        "python -m worker.nothing",
        "pip install '.[nothing]'",
        "pip install -r requirements/nothing.txt",
        "SHOPSTREAM_NOTHING=1 python -m worker",
        "export SHOPSTREAM_NOTHING_FILE=x",
        "echo a | frobnicate",
        "echo $(frobnicate)",
        "true && frobnicate",
        "curl http://127.0.0.1:8401/nothing",
        'echo "open',
    ],
)
def test_a_command_that_is_wrong_is_found(line: str) -> None:
    assert [*find_faults(line), *find_unknown_paths(line)] != []


def test_each_page_is_in_the_table_of_the_readme() -> None:
    linked = set(re.findall(r"^\| .*?\]\((docs/\w+\.md)\)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {page for page in PAGES if re.fullmatch(r"docs/\w+\.md", page)} - linked == set()


def test_continued_lines_are_one_command_and_comments_are_none() -> None:
    block = Block("sh", "", "# all\nshopstream \\\n  status\n\n")
    assert block.commands == ["shopstream status"]


@pytest.mark.parametrize(("page", "name"), [("docs/dashboard.md", "you"), ("docs/api.md", "erp")])
def test_the_token_that_a_page_makes_is_one_that_the_gateway_takes(page: str, name: str) -> None:
    block = next(block for block in shells(ROOT / page) if "openssl rand" in block.text)
    # Not each machine has openssl.
    lines = re.sub(r"openssl rand -hex (\d+)", lambda found: f"echo {secrets.token_hex(int(found[1]))}", block.text)
    (made,) = re.findall(rf"{name}:\w+:[0-9a-f]+", run("bash", "-ec", f'{lines}\necho "$SHOPSTREAM_GATEWAY_TOKENS"'))
    read = read_settings(GatewaySettings, {"app_key": "key", "app_secret": "secret", "gateway_tokens": made})
    assert [token.name for token in read.tokens()] == [name]


@pytest.mark.parametrize(("page", "module"), [("size", "sizing"), ("scale", "scaling")])
def test_sizes_for_other_numbers_are_printed(page: str, module: str) -> None:
    (line,) = (line for block in shells(ROOT / "docs" / f"{page}.md") for line in block.commands if module in line)
    assert "**`maxmemory`" in run(sys.executable, *line.split()[1:])


@pytest.mark.parametrize("module", [sizing, scaling])
def test_the_page_of_sizes_is_what_was_measured(module: ModuleType) -> None:
    page = (ROOT / module.PAGE).read_text()
    assert module.filled(page, ROOT / measured.FOLDER) == page
