"""Show the settings of a shop as rows of a form, and read them back."""

from typing import Final, NamedTuple, get_args

from gateway.dashboard.shell.change_forms import Form
from shopstream.glance.phrases import write_length
from shopstream.registry.settings import Publish, ShopSettings

_LABELS: Final = {
    "interval": "Seconds between syncs of changes",
    "stock_interval": "Seconds between syncs of stock",
    "full_interval": "Seconds between full syncs",
    "publish": "Published",
    "description": "A changed description is an event",
    "low": "Units at which stock is low",
    "guard": "Rechecks of fast sellers",
}
"""The settings that the page changes. A pause and the thresholds of single SKUs have ways of their own."""
_SHOWN: Final = "shown_"
"""Before the name of a setting: the field of the form with the value that the page showed."""
_INTERVALS: Final = frozenset({"interval", "stock_interval", "full_interval"})


class SettingRow(NamedTuple):
    """One setting.

    Attributes:
        name: its name, as the command `shopstream settings` takes it.
        label: its meaning.
        value: its value as text.
        note: the value in other words; "" without any.
        choices: the values that it can have; none for a number.
    """

    name: str
    label: str
    value: str
    note: str
    choices: tuple[str, ...]

    @property
    def shown(self) -> str:
        """Name the hidden field with the value that the page shows."""
        return _SHOWN + self.name


def list_settings(settings: ShopSettings) -> list[SettingRow]:
    """List the settings that the page changes."""
    return [_show(name, getattr(settings, name)) for name in _LABELS]


def read_changes(form: Form, settings: ShopSettings) -> dict[str, str | int | bool]:
    """Read the settings that a form changes.

    A field that is as the page showed it is left out: somebody else may have changed that setting meanwhile. So is a
    value that is equal to the present one.

    Raises:
        InvalidSetting: a value is not valid.
    """
    given = {name: form.get(name).strip() for name in _LABELS}
    given = {name: value for name, value in given.items() if value and value != form.get(_SHOWN + name)}
    wanted = settings.change(given)
    return {name: getattr(wanted, name) for name in given if getattr(wanted, name) != getattr(settings, name)}


def _show(name: str, value: object) -> SettingRow:
    choices: tuple[str, ...] = ()
    if isinstance(value, bool):
        return SettingRow(name=name, label=_LABELS[name], value=_write(value), note="", choices=("on", "off"))
    if name == "publish":
        choices = get_args(Publish)
    note = (write_length(int(str(value))) if value else "never") if name in _INTERVALS else ""
    return SettingRow(name=name, label=_LABELS[name], value=str(value), note=note, choices=choices)


def _write(flag: bool) -> str:  # noqa: FBT001 - it is the value
    return "on" if flag else "off"
