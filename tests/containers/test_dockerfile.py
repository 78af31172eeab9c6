"""The Dockerfile as it is written: pinned, whole, without needless rights. `make image` builds it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers.building.dockerfile import read_dockerfile, read_ignored
from tests.sources import ROOT

DOCKERFILE = read_dockerfile()
LAST = DOCKERFILE.stages[-1]
PACKAGES = {"shopstream", "worker", "jobs", "gateway", "config", "sandbox", "shopstream_sandbox"}


def steps(instruction: str) -> list[str]:
    return [step.text for step in LAST.steps if step.instruction == instruction]


def test_both_stages_begin_with_one_base_that_is_pinned_by_its_digest() -> None:
    base = DOCKERFILE.arguments["PYTHON_IMAGE"]
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}", base)
    assert [stage.base for stage in DOCKERFILE.stages] == [base, base]


def test_the_image_holds_the_packages_that_its_processes_import() -> None:
    copied = set(DOCKERFILE.copied())
    assert copied >= PACKAGES | {"LICENSE"}
    assert all((ROOT / name).exists() for name in copied)


def test_the_context_is_what_the_steps_copy_and_nothing_else() -> None:
    let_in = {name for name in read_ignored() if name not in {"deploy/image", "requirements"}}
    copied = {name for name in DOCKERFILE.copied() if "/" not in name}
    assert let_in == copied


def test_processes_run_as_a_numbered_user_without_rights() -> None:
    assert steps("USER") == ["10001:10001"]
    assert LAST.steps[-1].instruction == "CMD"


def test_nothing_is_written_at_run_time() -> None:
    (line,) = steps("ENV")
    assert {"PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "HOME=/nonexistent"} <= set(line.split())


def test_packages_are_installed_by_their_hashes() -> None:
    installs = [step.text for stage in DOCKERFILE.stages for step in stage.steps if "pip install" in step.text]
    installs += [step.text for stage in DOCKERFILE.stages for step in stage.steps if "pip --python" in step.text]
    assert len(installs) == 2
    assert all("--require-hashes" in text for text in installs)


@pytest.mark.parametrize("name", ["worker", "sbom", "dev", "demo", "uv"])
def test_every_requirement_is_pinned_and_hashed_and_no_index_is_named(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = [line for line in text.splitlines() if re.match(r"^[a-z0-9]", line)]
    assert pins
    assert all("==" in pin for pin in pins)
    assert text.count("--hash=sha256:") >= len(pins)
    assert not re.search(r"https?://|^--", text, re.MULTILINE)


def test_the_linter_of_dockerfiles_finds_nothing(hadolint: str) -> None:
    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S603
    assert (done.returncode, done.stdout) == (0, "")


def test_a_version_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "shopstream").mkdir()
    script = ROOT / "deploy" / "image" / "write_version.py"
    done = subprocess.run(  # noqa: S603
        [sys.executable, script, '1.0"; print()'], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("VERSION must be a version as PEP 440 has it")
    assert list((tmp_path / "shopstream").iterdir()) == []
