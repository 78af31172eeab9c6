"""docs/configure.md and config/example.env have each setting, as the types have it."""

import re
from collections import Counter

import pytest

from config.gateway_settings import GatewaySettings
from config.settings import ProcessSettings, Settings
from contract import configure
from tests.sources import ROOT

PAGE = (ROOT / "docs" / "configure.md").read_text()
EXAMPLE = (ROOT / "config" / "example.env").read_text()
FIELDS = configure.list_fields(Settings) | configure.list_fields(GatewaySettings)
LINES = dict(re.findall(r"^#?(SHOPSTREAM_[A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))

OF_A_COMMAND = {"SHOPSTREAM_MOVE_TO"}
"""Read by a command alone: no process moves a deployment."""


def test_the_page_is_what_the_settings_are() -> None:
    assert configure.filled(PAGE) == PAGE, "out of date: make contract"


def test_the_page_has_each_setting_once() -> None:
    rows = Counter(re.findall(r"^\| `(SHOPSTREAM_[A-Z_]+)` \|(?:[^|\n]*\|){5}$", PAGE, re.MULTILINE))
    assert rows == Counter(configure.variable(name) for name in FIELDS)


def test_the_command_line_and_the_doctor_read_settings_that_the_page_has() -> None:
    known = {configure.variable(name) for name in FIELDS}
    assert set(configure.command_variables()) - OF_A_COMMAND <= known
    assert configure.doctor_variables() <= known


def test_a_number_without_a_unit_is_an_error() -> None:
    class Vague(ProcessSettings, frozen=True, kw_only=True):
        much: int = 1
        """Said without a unit."""

    with pytest.raises(configure.NoUnit, match="much"):
        configure.find_unit(configure.list_fields(Vague)["much"])


def test_the_example_has_each_setting_and_its_default() -> None:
    assert LINES.keys() == {configure.variable(name) for name in FIELDS}
    for name, field in FIELDS.items():
        assert LINES[configure.variable(name)] == configure.show_default(field), name


def test_no_line_that_is_on_has_a_value_but_the_address_of_redis() -> None:
    on = dict(re.findall(r"^(SHOPSTREAM_[A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert {name for name, value in on.items() if value} == {"SHOPSTREAM_REDIS_URL"}
