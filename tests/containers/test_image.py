"""The image, built in a chroot from a Debian in place of its base, and its services in it: `make image`."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from email.parser import Parser
from pathlib import Path

import pytest

from tests.containers.building.chroot import Chroot
from tests.containers.building.image_build import Image, StepFailed, build_image
from tests.containers.conftest import ARGUMENTS, VERSION
from tests.containers.places import ImagePlace
from tests.containers.running import Deployment, check_demo, check_faults, check_own_shops, read_services, set_up
from tests.processes import process
from tests.sources import ROOT

MEGABYTE = 1_000_000
DOCUMENTS = Path("usr/share/doc/shopstream")


@pytest.fixture
async def place(image: Image, tmp_path: Path) -> AsyncIterator[ImagePlace]:
    """The image with a network that has a loopback and no way out, on which all services have their names."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost valkey demo-valkey sandbox\n")
    async with process("unshare", "-n", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity") as net:
        assert net.stdout is not None
        assert await asyncio.wait_for(net.stdout.readline(), 30) == b"up\n"
        yield ImagePlace(image, net.pid, hosts)


def run(image: Image, *words: str, user: str = "10001:10001") -> subprocess.CompletedProcess[str]:
    command = Chroot(image.tree, image.folder, user=user, read_only=True).command(words, image.env)
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)  # noqa: S603


def find_pip(tree: Path) -> list[Path]:
    """Find pip's package, its metadata and its commands where the base and the image have theirs."""
    found = [path for top in ("usr/local", "venv") for path in (tree / top).rglob("pip*")]
    return [path for path in found if re.fullmatch(r"pip[\d.]*|pip-.*", path.name)]


async def test_own_shops_start_in_it_as_compose_says(place: ImagePlace, tmp_path: Path) -> None:
    deployment = await set_up(place, tmp_path)
    await check_own_shops(deployment)
    await check_faults(deployment)


async def test_the_demo_starts_in_it_as_compose_says(place: ImagePlace, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    await check_demo(Deployment(place, tmp_path, read_services()))


def test_it_adds_a_hundred_megabytes_to_its_base_at_most(image: Image) -> None:
    own = image.own_bytes()
    assert 50 * MEGABYTE < own <= 100 * MEGABYTE, f"{own / MEGABYTE:.1f} MB"


def test_it_has_no_tool_to_fetch_or_to_compile_more(image: Image) -> None:
    assert "No module named pip" in run(image, "python", "-m", "pip").stderr
    assert "No module named" in run(image, "python", "-m", "ensurepip").stderr
    assert find_pip(image.base), "the base has one"
    assert find_pip(image.tree) == []
    for tool in ("pip", "pip3", "gcc", "cc", "make", "uv", "curl", "wget"):
        assert run(image, "sh", "-c", f"command -v {tool}").returncode != 0, tool


def test_its_user_has_numbers_and_no_rights_and_can_write_nothing(image: Image) -> None:
    assert image.user == "10001:10001"
    status = run(image, "sh", "-c", "id -u; id -g; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status").stdout.split()
    assert status == ["10001", "10001", "CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"]
    writable = [
        path
        for top in ("app", "venv", "usr")
        for path in (image.tree / top).rglob("*")
        if not path.is_symlink() and (path.lstat().st_mode & 0o022 or path.lstat().st_uid)
    ]
    # Debian gives some folders of its own to a group.
    assert [path for path in writable if not str(path).startswith(f"{image.tree}/usr/local")] == []
    for place in ("/app/x", "/venv/x", "/tmp/x", "/var/tmp/x"):  # noqa: S108
        assert "Read-only file system" in run(image, "touch", place, user="0:0").stderr


def test_its_user_can_read_everything_of_ours(image: Image) -> None:
    found = run(image, "find", "/app", "/venv", f"/{DOCUMENTS}", "!", "-readable")
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_each_module_is_compiled_and_no_test_of_a_package_is_in_it(image: Image) -> None:
    modules = [path for top in ("app", "venv/lib") for path in (image.tree / top).rglob("*.py")]
    assert len(modules) > 1_000
    bare = [path for path in modules if not list((path.parent / "__pycache__").glob(f"{path.stem}.cpython-*.pyc"))]
    assert bare == []
    assert [path for path in (image.tree / "venv").rglob("*") if path.is_dir() and path.name in {"test", "tests"}] == []


def test_it_knows_its_version(image: Image) -> None:
    assert run(image, "shopstream", "--version").stdout.split()[-1] == VERSION
    code = "from importlib.metadata import version; print(version('shopstream'))"
    assert run(image, "python", "-c", code).stdout.split() == [VERSION]
    assert f'version = "{VERSION}"' in (image.tree / "app" / "shopstream" / "_version.py").read_text()


def test_its_labels_are_those_of_the_oci(image: Image) -> None:
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in image.labels.items()}
    assert set(labels) == {"title", "description", "licenses", "source", "version", "revision"}
    assert labels["licenses"] == "MIT"
    assert (labels["version"], labels["revision"], labels["source"]) == tuple(ARGUMENTS.values())


def test_it_has_its_licence_and_a_bill_of_each_package_in_it(image: Image) -> None:
    assert (image.tree / DOCUMENTS / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    bill = json.loads((image.tree / DOCUMENTS / "sbom.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    listed = {(component["name"].lower().replace("_", "-"), component["version"]) for component in bill["components"]}
    installed = {
        (fields["Name"].lower().replace("_", "-").replace(".", "-"), fields["Version"])
        for path in (image.tree / "venv").rglob("*.dist-info/METADATA")
        for fields in [Parser().parsestr(path.read_text(), headersonly=True)]
    }
    assert listed == installed
    pins = set(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements" / "worker.txt").read_text(), re.MULTILINE))
    assert ("shopstream", VERSION) in listed
    assert listed - {("shopstream", VERSION)} <= pins


def test_a_base_without_an_optimized_python_is_refused(debian: Path, image: Image) -> None:
    folder = image.tree.parent / "refused"
    folder.mkdir()
    with pytest.raises(StepFailed, match="Python was not built with --enable-optimizations"):
        build_image(debian, folder, {})
    shutil.rmtree(folder)


def test_no_file_of_the_checkout_is_in_it_but_what_is_needed(image: Image) -> None:
    kept = {path.name for path in (image.tree / "app").iterdir()}
    assert kept == {"shopstream", "worker", "jobs", "gateway", "config", "sandbox", "shopstream_sandbox"}
    assert not any(path.name == ".env" for path in (image.tree / "app").rglob("*"))
    assert not (image.tree / "tools").exists(), "the first stage's own"
