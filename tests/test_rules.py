"""Rules that hold for all of the code: who imports whom, what is never in the tree."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "shopstream": set[str](),
    "worker": {"shopstream"},
    "jobs": {"worker", "shopstream"},
    "config": set[str](),
    "sandbox": set[str](),
    "contract": {"worker", "shopstream"},
}
PROCESSES = {"worker/__main__.py": {"jobs", "config", "worker", "shopstream"}}
ROOMS = {*MAY_IMPORT, "tests", "examples", "benchmarks", "gateway"}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_imports_go_in_the_designs_direction() -> None:
    for room, allowed in MAY_IMPORT.items():
        for path in (ROOT / room).rglob("*.py"):
            ours = imported(path) & ROOMS - {room}
            assert ours <= PROCESSES.get(str(path.relative_to(ROOT)), allowed), path


def test_arq_is_known_in_one_room_of_one_door_and_by_what_measures_it() -> None:
    knowing = {str(p.relative_to(ROOT)) for p in ROOT.rglob("*.py") if ".venv" not in p.parts and "arq" in imported(p)}
    assert knowing <= {"worker/wakeups/doorbell.py", "worker/__main__.py", "benchmarks/wire/baselines/arq_jobs.py"}


def test_the_contract_package_needs_redis_and_orjson_alone() -> None:
    for path in (ROOT / "shopstream").rglob("*.py"):
        if path.stem.split("_")[0] != "cli":
            assert not imported(path) & {"aiohttp", "arq", "structlog", "typer", "rich", "msgspec", "pydantic"}


def test_nothing_unsafe_and_no_unfinished_business_in_the_code() -> None:
    unsafe = re.compile(r"verify_ssl=False|ssl=False|import pickle|TODO|FIXME|pytest\.skip|mark\.skip")
    paths = [path for path in ROOT.rglob("*.py") if ".venv" not in path.parts and path != Path(__file__)]
    assert [str(path) for path in paths if unsafe.search(path.read_text())] == []


def test_no_module_is_two_things() -> None:
    rooms = [path for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py")]
    assert [str(path) for path in rooms if len(path.read_text().splitlines()) > 330] == []
