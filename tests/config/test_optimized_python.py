"""Figures are of an optimized Python: it is told by how it was built, found, and asked for where there is none."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from config.project import optimized_python
from tests.sources import ROOT


@pytest.mark.parametrize(
    ("asked", "used", "optimized"),
    [
        ("'--enable-shared'", "-fprofile-use -fprofile-correction", False),  # pyenv's
        ("'--enable-optimizations' '--with-lto'", "-fprofile-use -fprofile-correction", True),
        ("'--enable-shared' '--prefix=/usr'", "", True),  # Debian's
        (None, None, False),
    ],
)
def test_a_build_by_a_profile_is_told_from_others(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, used: str | None, *, optimized: bool
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": asked, "PGO_PROF_USE_FLAG": used}.get)
    assert optimized_python.is_optimized() == optimized


def test_other_benchmarks_run_with_the_python_at_hand(capsys: pytest.CaptureFixture[str]) -> None:
    assert optimized_python.main(["pacing", "wire"]) == 0
    assert capsys.readouterr().out.strip() == sys.executable


def test_what_is_found_is_optimized() -> None:
    found = optimized_python.find(["/usr/bin", "/usr/local/bin"])
    told = "from config.project import optimized_python as one; print(one.is_optimized())"
    if found is not None:
        assert subprocess.check_output([found, "-c", told], cwd=ROOT, text=True).strip() == "True"  # noqa: S603


def test_where_there_is_none_one_line_says_where_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": ""}.get)
    assert optimized_python._print_other(str(tmp_path / "none"), [str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert "--enable-optimizations" in told.err
    assert "apt-get install" in told.err
