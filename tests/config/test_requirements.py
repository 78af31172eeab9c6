"""What is installed for the demo and by pip is what is installed for everything."""

import re

import pytest

from tests.sources import ROOT


def pins(name: str) -> set[str]:
    return set(re.findall(r"^(\S+==\S+)", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", ["demo", "uv", "worker"])
def test_every_pin_is_one_of_all(name: str) -> None:
    assert pins(name)
    assert pins(name) <= pins("dev")
