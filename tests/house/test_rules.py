"""Rules that hold for all of the code: who imports whom, what is never in the tree."""

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.sources import ROOT, nodes, sources, text, tree

MAY_IMPORT = {
    "shopstream": set[str](),
    "worker": {"shopstream"},
    "jobs": {"worker", "shopstream"},
    "gateway": {"shopstream"},
    "config": {"shopstream"},
    "sandbox": {"shopstream_sandbox"},
    "shopstream_sandbox": set[str](),
    "contract": {"worker", "shopstream", "config"},
}
PROCESSES = {
    "worker/__main__.py": {"jobs", "config", "worker", "shopstream"},
    "gateway/__main__.py": {"config", "shopstream"},
}
ROOMS = {*MAY_IMPORT, "tests", "examples", "benchmarks"}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_imports_go_in_the_designs_direction() -> None:
    for room, allowed in MAY_IMPORT.items():
        for path in sources(room):
            ours = imported(path) & ROOMS - {room}
            assert ours <= PROCESSES.get(str(path.relative_to(ROOT)), allowed), path


def test_arq_is_known_in_one_room_of_one_door_and_by_what_measures_it() -> None:
    imports = re.compile(r"^\s*(from|import) arq\b", re.MULTILINE)  # of so many files, no trees
    knowing = {str(path.relative_to(ROOT)) for path in sources() if imports.search(text(path))}
    assert knowing <= {"worker/wakeups/doorbell.py", "worker/__main__.py", "benchmarks/wire/baselines/arq_jobs.py"}


def test_the_contract_package_needs_redis_and_orjson_alone() -> None:
    for path in sources("shopstream"):
        if "cli" not in path.parts:
            assert not imported(path) & {"aiohttp", "arq", "structlog", "typer", "rich", "msgspec", "pydantic"}


def test_nothing_unsafe_and_no_unfinished_business_in_the_code() -> None:
    # Plain words alone: ruff's rules of bandit look at the rest.
    unsafe = re.compile(r"verify_ssl=False|ssl=False|import pickle|TODO|FIXME|pytest\.skip|mark\.skip")
    paths = [path for path in sources() if path != Path(__file__)]
    assert [str(path) for path in paths if unsafe.search(text(path))] == []


def test_no_cancellation_is_lost() -> None:
    """Up to Python 3.11 `asyncio.wait_for` swallows one that comes as it ends; `asyncio.timeout` doesn't."""
    rooms = sources(*MAY_IMPORT)
    assert [str(path) for path in rooms if "asyncio.wait_for(" in text(path)] == []


def test_no_module_is_two_things() -> None:
    rooms = sources(*MAY_IMPORT)
    assert [str(path) for path in rooms if len(text(path).splitlines()) > 330] == []


HOUSE = ("shopstream", "worker", "jobs", "gateway")
TABLES = {"routes"}
"""Modules of the gateway that each package has one of: the table of its paths."""
FILES_MOST = 12
DATA = ("shopstream/schemas", "shopstream/samples", "tests/fixtures", "tests/contract/released")


def modules() -> dict[str, Path]:
    """The house's modules by name; a package is its `__init__`."""
    paths = sources(*HOUSE)
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return dict(zip(names, paths, strict=True))


def used(path: Path, known: Collection[str]) -> Iterator[str]:
    """Modules of the house that a file imports, here or later."""
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (one if one in known else node.module for one in whole)


def test_tiktok_is_known_to_its_own_package_and_to_the_process_alone() -> None:
    home = ROOT / "worker" / "tiktok"
    paths = [path for room in ("jobs", "worker") for path in (ROOT / room).rglob("*.py") if home not in path.parents]
    knowing = {str(path.relative_to(ROOT)) for path in paths if _names_tiktok(path)}
    assert knowing == {"worker/__main__.py"}


def _names_tiktok(path: Path) -> bool:
    """Tell whether a file imports `worker.tiktok`, or anything in it, in whichever form."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return any(f"{name}.".startswith("worker.tiktok.") for name in names)


def test_packages_have_no_import_cycle() -> None:
    known = modules()
    home = {name: name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in known.items()}
    # What lies in a room itself stands for itself: a room is no package of one thing.
    home |= {name: name for name, package in home.items() if package in HOUSE}
    graph: dict[str, set[str]] = {}
    for name, path in known.items():
        graph.setdefault(home[name], set()).update(home[one] for one in used(path, known) if one in home)
    for package, others in graph.items():
        others.discard(package)
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as cycle:
        raise AssertionError(f"an import cycle of packages: {' → '.join(cycle.args[1])}") from None


def test_no_module_of_the_house_has_anothers_name() -> None:
    names = Counter(path.stem for path in modules().values() if not path.stem.startswith("__"))
    assert [name for name, number in names.items() if number > 1 and name not in TABLES] == []


def test_a_folder_is_seen_whole() -> None:
    folders = Counter(path.parent for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file())
    full = {path.relative_to(ROOT).as_posix() for path, number in folders.items() if number > FILES_MOST}
    assert {name for name in full if not name.startswith(DATA) and not name.endswith("__pycache__")} == set()


def test_each_package_of_the_house_says_in_a_sentence_what_it_is() -> None:
    packages = [path for path in modules().values() if path.name == "__init__.py"]
    assert [str(path) for path in packages if not ast.get_docstring(tree(path))] == []


def test_the_page_of_packages_has_each_ones_own_sentence() -> None:
    rows = re.findall(
        r"^\| `((?:shopstream|worker|jobs|gateway)/[\w/]+)` \| (.*) \|$",
        text(ROOT / "docs" / "architecture.md"),
        re.MULTILINE,
    )
    own = {
        path.parent.relative_to(ROOT).as_posix(): (ast.get_docstring(tree(path)) or "").partition("\n")[0]
        for path in modules().values()
        if path.name == "__init__.py" and path.parent.name not in HOUSE
    }
    assert dict(rows) == own


def test_no_public_type_of_the_house_has_anothers_name() -> None:
    names: Counter[str] = Counter()
    for path in modules().values():
        classes = [node.name for node in nodes(path) if isinstance(node, ast.ClassDef)]
        names.update(name for name in classes if not name.startswith("_"))
    assert [name for name, number in names.items() if number > 1] == []


def test_each_name_says_what_it_holds() -> None:
    """`told` fits everything, and so says nothing."""
    found: list[str] = []
    for name, path in modules().items():
        for node in nodes(path):
            names = [getattr(node, part, None) for part in ("id", "arg", "attr", "name", "asname")]
            found += [name for one in names if one in {"told", "_told", "TOLD", "_TOLD"}]
    assert found == []


IRREGULAR = set(
    "gone left told known held seen given kept said sent found lost made done taken shown written begun heard met "  # noqa: SIM905
    "built drawn chosen forgotten frozen hidden broken spent sold bought brought caught taught thought".split()
)
PARTICIPLES_MOST = 0.02


def is_participle(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a method or function is named by a bare participle; properties may be."""
    marks = {getattr(one, "id", getattr(one, "attr", "")) for one in function.decorator_list}
    first, *more = function.name.strip("_").split("_")
    return not more and not marks & {"property", "cached_property"} and (first.endswith("ed") or first in IRREGULAR)


def test_functions_are_verbs() -> None:
    functions = [node for path in modules().values() for node in nodes(path) if isinstance(node, FUNCTIONS)]
    bare = [node.name for node in functions if is_participle(node)]
    assert len(bare) <= PARTICIPLES_MOST * len(functions), bare


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
HEAD = re.compile(r"(What|Who|Whoever|Whether|How|Which|When|Where|Why)\b")


def test_docstrings_begin_with_the_actor_or_the_act() -> None:
    kinds = (*FUNCTIONS, ast.ClassDef, ast.Module)
    texts = [ast.get_docstring(node) for path in modules().values() for node in nodes(path) if isinstance(node, kinds)]
    written = [text for text in texts if text]
    bare = [text for text in written if HEAD.match(text)]
    assert len(bare) <= 0.02 * len(written), bare


ANY_MOST = 20


def test_records_have_types() -> None:
    untyped = [name for name, path in modules().items() for _ in range(text(path).count("dict[str, Any]"))]
    assert len(untyped) <= ANY_MOST, untyped


def test_no_record_is_built_by_more_than_four_positional_values() -> None:
    classes = {node.name for path in modules().values() for node in nodes(path) if isinstance(node, ast.ClassDef)}
    found = [
        f"{name}:{node.lineno} {node.func.id}"
        for name, path in modules().items()
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in classes
        and len(node.args) > 4
    ]
    assert found == []


def test_new_ids_enter_a_backlog_by_one_door() -> None:
    """`shopstream/enqueue/backlog.py`, and one script for webhooks; those of `worker/backlog` move ids to a claim."""
    writing = re.compile(r"zadd\([^\n]*\bbacklog\(", re.IGNORECASE)
    assert [name for name, path in modules().items() if writing.search(text(path))] == ["shopstream.enqueue.backlog"]
    scripts = {path for room in HOUSE for path in (ROOT / room).rglob("*.lua")}
    moving = {path.relative_to(ROOT).as_posix() for path in scripts if "'ZADD', backlog" in text(path)}
    webhooks = "shopstream/enqueue/notify.lua"
    assert moving <= {"worker/backlog/claim.lua", "worker/backlog/finish.lua", webhooks}


def test_one_module_reads_the_mark() -> None:
    """Scripts have their own reader: Lua can't import."""
    parsing = re.compile(r"mark\.decode\(\)\.split|mark\.partition\(|in mark\b")
    assert [name for name, path in modules().items() if parsing.search(text(path))] == ["shopstream.state.mark_line"]
