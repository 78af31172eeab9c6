"""`pip install shopstream-sandbox`: strangers test their own integration against a TikTok Shop, without shopstream.

TikTok's SDK judges the sandbox of the checkout (`tests/sandbox/test_sdk.py`). The wheel has the same code.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.packages.building import VERSION, Environment, Package, build, judge, run
from tests.sources import ROOT

PROJECT = ROOT / "shopstream_sandbox"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return build(PROJECT, tmp_path_factory.mktemp("sandbox"))


def test_the_wheel_holds_the_sandbox_as_it_is_here(package: Package) -> None:
    judge(package)
    code = (path for path in PROJECT.rglob("*") if path.suffix in {".py", ".json"} or path.name == "py.typed")
    assert package.list_files() == {str(path.relative_to(ROOT)): path.read_bytes() for path in code}


def test_its_licence_version_and_page_are_right(package: Package) -> None:
    ours, its = (tomllib.loads((folder / "pyproject.toml").read_text()) for folder in (ROOT, PROJECT))
    for part in ("license", "authors", "requires-python"):
        assert its["project"][part] == ours["project"][part]
    assert its["build-system"] == ours["build-system"]
    assert its["tool"]["hatch"]["version"]["fallback-version"] == ours["tool"]["hatch"]["version"]["fallback-version"]
    assert (PROJECT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert package.metadata["Version"] == VERSION
    links = re.findall(r"\]\(([^)\s]+)\)", str(package.metadata.get_payload()))
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_a_strangers_tests_run_on_its_fixture(package: Package, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "env")
    environment.install(str(package.wheel), "pytest")
    theirs = _write_project(tmp_path / "theirs")
    python = environment.bin / "python"
    ended = run(python, "-m", "pytest", "-q", "--strict-markers", "-W", "error", "-p", "no:cacheprovider", cwd=theirs)
    assert "4 passed" in ended
    assert run(environment.bin / "shopstream-sandbox", "--version", cwd=theirs) == f"shopstream-sandbox {VERSION}\n"


def _write_project(folder: Path) -> Path:
    """Write a stranger's client and tests, and the README's example as one more test of that client."""
    folder.mkdir()
    ours = ROOT / "tests" / "packages"
    (folder / "users_client.py").write_bytes((ours / "users_client.py").read_bytes())
    tests = (ours / "users_tests.py").read_text()
    (folder / "test_mine.py").write_text(tests.replace("from tests.packages.users_client", "from users_client"))
    example, fixture = re.findall(
        r"^```python\n(.*?)^```$", (PROJECT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (folder / "test_readme.py").write_text(f"from users_client import MyIntegration\n{example}")
    (folder / "conftest.py").write_text(fixture)
    return folder


def test_the_former_name_still_starts_it() -> None:
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--products", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:  # noqa: S603 - ours
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["url"].startswith("http://127.0.0.1:")
        child.terminate()
    assert child.returncode == 0
