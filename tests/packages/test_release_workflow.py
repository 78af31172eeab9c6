"""The workflow of a release can't run here: its scripts do where they can, and its structure is judged."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.project.changelog import NotReady, check_tag, read_parts
from tests.packages.building import BIN
from tests.sources import ROOT

TEXT = (ROOT / ".github" / "workflows" / "release.yml").read_text()
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, Any] = WORKFLOW["jobs"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
NEXT = "9.8.7"
ENTRIES = f"## {NEXT} - 2030-01-31\n\n### Added\n\n- One, with [a link](docs/api.md).\n\n### Fixed\n\n- Two.\n"


def scripts(job: str) -> list[str]:
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


def run(script: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A step's script as a runner has it, with the tools of the environment in its path."""
    given = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | environment
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=cwd, env=given, capture_output=True, text=True, check=False)  # noqa: S603 - ours


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """The files of a release of version 9.8.7 as its check reads them."""
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", tmp_path)
    head, _, before = CHANGELOG.partition("## Unreleased\n")
    last = before[re.search(r"^## ", before, re.MULTILINE).start() :]  # type: ignore[union-attr]
    (tmp_path / "CHANGELOG.md").write_text(f"{head}## Unreleased\n\n{ENTRIES}\n{last}")
    contract = tmp_path / "tests" / "contract" / "released" / NEXT
    contract.mkdir(parents=True)
    (contract / "asyncapi.yaml").touch()
    return tmp_path


def test_a_tag_begins_it_and_each_job_has_the_rights_it_needs() -> None:
    assert WORKFLOW[True] == {"push": {"tags": ["v*"]}}  # YAML reads `on` as true
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "check": {"contents": "read"},
        "test": {"contents": "read"},
        "packages": {"contents": "read"},
        "image": {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
        "chart": {"contents": "read", "packages": "write"},
        "pypi": {"id-token": "write"},
        "release": {"contents": "write"},
    }
    assert JOBS["pypi"]["environment"] == "pypi"


def test_nothing_is_published_before_the_tests_and_pypi_comes_last_but_one() -> None:
    def waits_for(name: str) -> set[str]:
        needs = JOBS[name].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct | {further for one in direct for further in waits_for(one)}

    for name in ("image", "chart", "pypi", "release"):
        assert waits_for(name) >= {"check", "test", "packages"}
    assert waits_for("pypi") == {"check", "test", "packages", "image", "chart"}
    assert "pypi" in waits_for("release")


def test_no_text_from_outside_becomes_a_command_and_no_secret_is_written() -> None:
    for name in JOBS:
        for script in scripts(name):
            assert "${{" not in script
            assert run(f"bash -n <<'SCRIPT'\n{script}\nSCRIPT", ROOT).returncode == 0
            assert not re.search(r"echo.*TOKEN|set -x", script)
    assert set(re.findall(r"secrets\.(\w+)", TEXT)) == {"GITHUB_TOKEN"}


def test_the_image_has_its_provenance_its_bill_of_materials_and_its_version() -> None:
    (build,) = (step["with"] for step in JOBS["image"]["steps"] if step.get("id") == "build")
    assert (build["provenance"], build["sbom"]) == ("mode=max", True)
    assert build["platforms"] == "linux/amd64,linux/arm64"
    assert "VERSION=${{ needs.check.outputs.version }}" in build["build-args"]


def test_the_check_gives_the_version_of_a_tag_that_is_ready(ready: Path) -> None:
    check, owner = scripts("check")
    output = ready / "output"
    done = run(check, ready, TAG=f"v{NEXT}", GITHUB_OUTPUT=str(output))
    assert done.returncode == 0, done.stderr
    assert run(owner, ready, GITHUB_REPOSITORY_OWNER="Some-One", GITHUB_OUTPUT=str(output)).returncode == 0
    assert output.read_text() == f"version={NEXT}\nowner=some-one\n"
    refused = run(check, ready, TAG=f"v{NEXT}; touch bad", GITHUB_OUTPUT=str(output))
    assert refused.returncode != 0
    assert "is no version" in refused.stderr
    assert not (ready / "bad").exists()


@pytest.mark.parametrize(
    ("change", "tag", "reason"),
    [
        (("## Unreleased\n", "## Unreleased\n\n### Added\n\n- One more.\n"), f"v{NEXT}", "still has entries"),
        (("", ""), "v9.8.8", f"the newest version is {NEXT}"),
        (("", ""), NEXT, "is no version"),
        ((f"{NEXT} - 2030-01-31", f"{NEXT} - soon"), f"v{NEXT}", "the heading"),
        (("### Added", "### New"), f"v{NEXT}", "has the groups New"),
        (("## 0.1.0", f"## {NEXT}"), f"v{NEXT}", "stands twice"),
        (("## 0.1.0", "## 10.0.0 - 2030-02-28\n\n## 0.1.0"), f"v{NEXT}", "the newest first"),
    ],
)
def test_a_tag_that_is_not_ready_is_refused(ready: Path, change: tuple[str, str], tag: str, reason: str) -> None:
    page = ready / "CHANGELOG.md"
    page.write_text(page.read_text().replace(*change, 1))
    with pytest.raises(NotReady, match=reason):
        check_tag(tag, ready)


def test_a_release_keeps_its_contract(ready: Path) -> None:
    shutil.rmtree(ready / "tests" / "contract" / "released" / NEXT)
    with pytest.raises(NotReady, match=r"python -m contract --release 9\.8\.7"):
        check_tag(f"v{NEXT}", ready)


def test_the_changelog_has_the_form_that_a_release_needs() -> None:
    assert next(iter(read_parts(CHANGELOG))) == "Unreleased"


def test_the_notes_are_the_changelogs_part_with_links_to_the_tag(ready: Path) -> None:
    shutil.copy(ROOT / "hatch_build.py", ready)
    (ready / "requirements").mkdir()
    (ready / "requirements" / "dev.txt").touch()
    (ready / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (ready / ".venv" / name).symlink_to(ROOT / ".venv" / name)
    (ready / ".venv" / "installed").touch()
    given = {"TAG": f"v{NEXT}", "SHOPSTREAM_REPOSITORY": f"https://git.example/blob/v{NEXT}"}
    notes = next(script for script in scripts("packages") if "notes" in script)
    done = run(notes, ready, **given)
    assert done.returncode == 0, done.stderr
    assert (ready / "release-notes.md").read_text() == (
        f"### Added\n\n- One, with [a link](https://git.example/blob/v{NEXT}/docs/api.md).\n\n### Fixed\n\n- Two.\n"
    )


def test_the_packages_are_built_and_judged_as_the_tests_do_it() -> None:
    assert "make package" in scripts("packages")
    planned = run("make --no-print-directory -n -o .venv/installed package", ROOT).stdout
    assert planned.splitlines() == [
        "rm -rf dist",
        ".venv/bin/python -m hatchling build -d dist",
        "cd shopstream_sandbox && ../.venv/bin/python -m hatchling build -d ../dist",
        ".venv/bin/twine check --strict dist/*",
        ".venv/bin/check-wheel-contents dist/*.whl",
    ]


def test_the_chart_is_packed_under_the_name_that_is_pushed(tmp_path: Path) -> None:
    """Its own tests judge the chart; this one's is empty."""
    pack, _, push = scripts("chart")
    chart = tmp_path / "deploy" / "chart"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: shopstream\nversion: 0.0.0\n")
    done = run(pack, tmp_path, VERSION=NEXT)
    assert done.returncode == 0, done.stderr
    pushed = re.search(r'"(build/[^"]+)"', push)
    assert pushed
    assert (tmp_path / pushed[1].replace("$VERSION", NEXT)).exists()
