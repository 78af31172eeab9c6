"""`--without-processes` leaves out what starts a process, however far away it does, and lets nothing start."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks.valkey import malloc
from tests import process_free, processes
from tests.chaos.__main__ import cases
from tests.processes import process
from tests.sources import ROOT

PLANTED = """
__name__ = "tests.planted"  # as any of ours
import asyncio, os
from hypothesis import given, strategies as st

EXAMPLES = []

def test_pure():
    assert True

def test_of_redis(redis):
    raise AssertionError

async def test_by_a_function():
    await asyncio.create_subprocess_exec("true")

def test_by_a_means_that_is_not_known():
    os.posix_spawn("/bin/true", ["true"], {})

@given(st.integers())
def test_of_examples(number):
    EXAMPLES.append(number)
    assert len(EXAMPLES) <= 5
"""


async def of_a_module() -> None:
    async with processes.sandbox():
        pass


@pytest.mark.parametrize(
    "function", [processes.worker, of_a_module, malloc, partial(of_a_module), [{"key": (cases()[0],)}]]
)
def test_what_starts_a_process_is_known_however_far_away_it_does(function: object) -> None:
    assert process_free.starts(function, {})


@pytest.mark.parametrize("function", [processes.free_port, processes.slowness, sys.exit, Path, process_free.starts])
def test_what_starts_none_is_known_too(function: Callable[..., object]) -> None:
    assert not process_free.starts(function, {})


async def test_what_is_left_runs_few_examples_and_can_start_nothing(tmp_path: Path) -> None:
    planted = tmp_path / "tests"
    planted.mkdir()
    (planted / "test_planted.py").write_text(PLANTED)
    (planted / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    options = ("-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", str(tmp_path / "pytest.ini"))
    command = (sys.executable, "-m", "pytest", *options, process_free.OPTION, str(planted))
    async with process(*command, cwd=ROOT) as child:
        out, _ = await child.communicate()
    assert "1 failed, 2 passed, 2 deselected" in out.decode()
    assert "test_planted.py::test_by_a_means_that_is_not_known" in out.decode()
