"""Check the settings of workers and gateways once: `python -m config.check`, before they start.

A process that restarts by itself would repeat the same complaint for ever.
"""

import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from config.gateway_settings import GatewaySettings, load_gateway
from config.settings import Settings, load
from config.variables.sources import SettingsError, list_names
from shopstream.doctor.settings_checks import check_token_keys
from shopstream.named_files import PREFIX, SUFFIX

_SETTINGS: Final = sorted({name.upper() for kind in (Settings, GatewaySettings) for name in kind.__struct_fields__})
_ALIKE: Final = 0.85
"""Similarity, of 1, from which a name is taken for a misspelt one. Others may be another program's."""


def main() -> int:
    """Print a line for each fault on standard error, or that all is well. Return 0, or 2 with a fault."""
    faults: dict[str, None] = {}  # in their order, each once
    for read in (_load_worker, load_gateway, _check_names):
        try:
            read()
        except SettingsError as error:
            faults |= dict.fromkeys(str(error).splitlines())
    for fault in faults:
        print(fault, file=sys.stderr)  # noqa: T201 - before logs are set up
    if not faults:
        print("settings of workers and gateways: ok")  # noqa: T201 - as above
    return 2 if faults else 0


def _load_worker() -> None:
    """Check the keys too, as a worker does at its start."""
    found = check_token_keys(load().token_keys.reveal())
    if found.grade == "bad":
        raise SettingsError(f"{PREFIX}TOKEN_KEYS: must be Fernet keys, several by commas; {found.remedy}")


def _check_names() -> None:
    """Check that no variable of the environment or of `.env` has a name that is nearly a setting's."""
    if faults := list(find_misspelt(list_names())):
        raise SettingsError("\n".join(faults))


def find_misspelt(names: Iterable[str]) -> Iterator[str]:
    """Yield a line for each name that is nearly a setting's: its value would be ignored in silence."""
    for name in sorted({name.upper() for name in names if name.upper().startswith(PREFIX)}):
        own = name.removeprefix(PREFIX).removesuffix(SUFFIX)
        if own not in _SETTINGS and (near := get_close_matches(own, _SETTINGS, n=1, cutoff=_ALIKE)):
            yield f"{name}: is no setting; {PREFIX}{near[0]} is one"


if __name__ == "__main__":
    sys.exit(main())
