"""What is installed for the demo and by pip is what is installed for everything."""

import importlib.metadata
import re
import sys

import pytest

from tests.sources import ROOT

PYTHONS = ("3.11", "3.12", "3.13")


def pins(name: str) -> set[str]:
    return set(re.findall(r"^(\S+==\S+)", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", ["demo", "uv", "worker"])
def test_every_pin_is_one_of_all(name: str) -> None:
    assert pins(name)
    assert pins(name) <= pins("dev")


def compiled() -> list[str]:
    """Name what is installed from a wheel that is of this Python only."""
    tag = f"Tag: cp3{sys.version_info.minor}-cp3{sys.version_info.minor}-"
    return sorted(
        re.sub(r"[-_.]+", "-", one.name).lower()
        for one in importlib.metadata.distributions()
        if tag in (one.read_text("WHEEL") or "")
    )


@pytest.mark.parametrize("name", compiled())
def test_the_lock_lets_each_supported_python_install_its_own_wheel(name: str) -> None:
    """An index that was asked for one wheel only has once left the others' hashes out: 3.13 could install nothing."""
    entry = re.search(
        rf"^{name}==.*?(?=^\S|\Z)", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE | re.DOTALL
    )
    assert entry, f"`make lock`: {name} is installed, but not locked"
    assert entry[0].count("--hash=") >= len(PYTHONS), f"`make lock`: {name} has no wheel for some of {PYTHONS}"
