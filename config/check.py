"""Check the settings of workers and gateways once: `python -m config.check`, before they start.

A process that restarts by itself would repeat the same complaint for ever.
"""

import sys

from config.gateway_settings import load_gateway
from config.settings import SettingsError, load
from shopstream.doctor.settings_checks import check_token_keys
from shopstream.named_files import PREFIX


def main() -> int:
    """Print a line for each fault on standard error, or that all is well. Return 0, or 2 with a fault."""
    faults: dict[str, None] = {}  # in their order, each once
    for read in (_load_worker, load_gateway):
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
    found = check_token_keys(load().token_keys.get_secret_value())
    if found.grade == "bad":
        raise SettingsError(f"{PREFIX}TOKEN_KEYS: must be Fernet keys, several by commas; {found.remedy}")


if __name__ == "__main__":
    sys.exit(main())
