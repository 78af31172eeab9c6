"""The suite fails by what fails twice, and names what fails once."""

from pathlib import Path

import pytest

from tests import suite

ONCE = """
from pathlib import Path

def test_once():
    seen = Path(__file__).with_suffix(".seen")
    first, _ = not seen.exists(), seen.touch()
    assert not first
"""
ALWAYS = "def test_always(): assert False\n"
PASSES = "def test_passes(): pass\n"
MANY = "import pytest\n@pytest.mark.parametrize('one', range(4))\ndef test_many(one): assert False\n"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pytest without the plugins of the environment: each start would import all of them, for two seconds of a core."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(folder: Path, *texts: str) -> int:
    """Run tests as two phases, the second of which passes."""
    files = [folder / f"test_{number}.py" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    good = folder / "test_good.py"
    good.write_text(PASSES)
    (folder / "pytest.ini").touch()
    return suite.main(folder, [[file.name for file in files], [good.name]])


def test_what_fails_once_is_named_and_what_passes_is_not_run_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, PASSES, ONCE) == 0
    out = capfd.readouterr().out
    assert "UNSTEADY: test_1.py::test_once" in out.splitlines()[-1]
    assert "1 failed, 1 passed" in out
    assert out.count("1 passed") == 3, "beside the failed one, once more alone, and the other phase"


def test_what_fails_twice_fails_the_suite_and_later_phases_still_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, ALWAYS, ONCE) == 1
    out = capfd.readouterr().out
    assert "UNSTEADY: test_1.py::test_once" in out
    assert "UNSTEADY: test_0.py" not in out
    assert out.count("1 failed") >= 1
    assert out.count("1 passed") == 2


def test_many_failures_are_not_judged_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, MANY) == 1
    assert "once more" not in capfd.readouterr().out


@pytest.mark.parametrize("text", ["def test_broken(:\n", "raise SystemExit(3)\n"])
def test_tests_that_cannot_be_run_fail_the_suite(tmp_path: Path, text: str) -> None:
    assert run(tmp_path, PASSES, text) not in {0, suite._FAILED}
