"""What runs without a person: workflow and commit hooks name what is there, pinned, and with the least rights."""

import re

import yaml

from tests.sources import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
RELEASE = ROOT / ".github" / "workflows" / "release.yml"


def test_a_workflow_may_read_at_most_and_its_actions_are_pinned_by_hash() -> None:
    assert WORKFLOWS
    for path in WORKFLOWS:
        text = path.read_text()
        assert yaml.safe_load(text)["permissions"] in ({"contents": "read"}, {})
        used = re.findall(r"uses: *(.+)", text)
        assert used
        assert [one for one in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", one)] == []
        assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_a_workflow_runs_targets_of_make() -> None:
    """That of a release does more: `tests/packages/test_release_workflow.py`."""
    for path in set(WORKFLOWS) - {RELEASE}:
        jobs = yaml.safe_load(path.read_text())["jobs"].values()
        commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
        assert commands
        assert {command.removeprefix("make ") for command in commands} <= TARGETS


def test_a_commit_hook_runs_a_tool_of_the_environment_as_make_lint_does() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0].replace("$(BIN)", ".venv/bin")
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        assert hook["entry"] in lint
        assert (ROOT / hook["entry"].split()[0]).exists()
