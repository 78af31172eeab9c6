"""`pip install shopstream`: the contract and nothing else, with its version and a page whose links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import hatch_build
from shopstream.version import CHECKOUT, VERSION
from tests.packages.building import Environment, Package, build, judge, run
from tests.sources import ROOT


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return build(ROOT, tmp_path_factory.mktemp("shopstream"))


def test_the_wheel_holds_the_contract_alone(package: Package) -> None:
    judge(package)
    files = package.list_files()
    assert {name.split("/")[0] for name in files} == {"shopstream"}
    assert "shopstream/py.typed" in files
    needed = [need for need in package.metadata.get_all("Requires-Dist", []) if "extra ==" not in need]
    assert sorted(re.findall(r"^\w+", "\n".join(needed), re.MULTILINE)) == ["orjson", "redis", "zstandard"]


def test_a_stranger_installs_it(package: Package, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "env")
    environment.install(str(package.wheel))
    python, command = environment.bin / "python", environment.bin / "shopstream"
    run(python, "-W", "error", "-c", "from shopstream import SyncClient, EventConsumer", cwd=tmp_path)
    bare = subprocess.run([command], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert bare.returncode == 1
    assert bare.stderr == "the command line needs more packages: pip install 'shopstream[cli]'\n"
    environment.install(f"shopstream[cli] @ {package.wheel.as_uri()}")
    assert run(command, "--version", cwd=tmp_path) == "shopstream 9.8.7\n"
    assert "sync" in run(command, "--help", cwd=tmp_path)


def test_a_build_leaves_the_checkout_without_a_version(package: Package) -> None:
    assert package.list_files()["shopstream/_version.py"].endswith(b'version = "9.8.7"\n')
    assert not (ROOT / "shopstream" / "_version.py").exists()
    assert VERSION == CHECKOUT


def test_files_without_git_have_the_version_of_their_tag_or_of_a_checkout(tmp_path: Path) -> None:
    """An archive of a repository's host names its tag by `.git_archival.txt`; a copy of the files has no name."""
    for name in ("pyproject.toml", "README.md", "LICENSE", "hatch_build.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    ask = (sys.executable, "-m", "hatchling", "version")
    assert run(*ask, cwd=tmp_path) == f"{CHECKOUT}\n"
    written = (ROOT / ".git_archival.txt").read_text()
    (tmp_path / ".git_archival.txt").write_text(re.sub(r"\$Format:.*\$", "v0.9.0", written))
    assert run(*ask, cwd=tmp_path) == "0.9.0\n"
    assert ".git_archival.txt export-subst" in (ROOT / ".gitattributes").read_text()


def test_the_page_on_pypi_links_to_the_tag_or_not_at_all(package: Package) -> None:
    page = str(package.metadata.get_payload())
    assert page.startswith("# shopstream")
    assert [link for link in _links(page) if not link.startswith(("https://", "#"))] == []
    text = (ROOT / "README.md").read_text()
    led = hatch_build.lead_links(text, "https://git.example/me/shopstream/blob/v9.8.7")
    assert len(_links(led)) == len(_links(text))
    assert "](https://git.example/me/shopstream/blob/v9.8.7/docs/events.md)" in led
    assert "](https://git.example/me/shopstream/raw/v9.8.7/docs/pictures/overview-light.png)" in led
    assert [link for link in _links(led) if not link.startswith(("https://", "#"))] == []


def _links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", text)
