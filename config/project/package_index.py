"""Have uv ask the same package index as pip, in the same way: pip's settings as uv's environment.

The standard library alone is used: this runs before anything is installed.
"""

import ast
import os
import subprocess  # nosec B404
import sys
from collections.abc import Mapping
from typing import Final

_OF_PIP: Final = {
    "index_url": "UV_DEFAULT_INDEX",
    "extra_index_url": "UV_INDEX",
    "no_index": "UV_NO_INDEX",
    "find_links": "UV_FIND_LINKS",
    "trusted_host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client_cert": "SSL_CLIENT_CERT",
    "timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
}
"""Names of settings of pip, and of the variables in which uv takes their values."""
_INDEXES: Final = {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX", "UV_FIND_LINKS"}
_LISTED: Final = {"UV_FIND_LINKS": ","}
"""Separators of lists, if it is not a space."""
_SECTIONS: Final = ("global", "install", ":env:")
"""Of pip's settings; each goes before those to its left."""


def environment(python: str = sys.executable) -> dict[str, str]:
    """Give this process's environment, with the index of this Python's pip for uv.

    Raises:
        subprocess.CalledProcessError: pip does not run, or can't read its settings.
    """
    command = [python, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  # nosec B603
    kept = {name: value for name, value in os.environ.items() if name not in _INDEXES}
    return kept | translated(settings(listed))


def settings(listed: str) -> dict[str, str]:
    """Read what `pip config list` prints: `SECTION.NAME='VALUE'` a line, `:env:` as the section of PIP_ variables."""
    found: dict[str, str] = {}
    rows = [line.partition("=") for line in listed.splitlines()]
    for section in _SECTIONS:
        for name, _, value in rows:
            if name.startswith(f"{section}."):
                found[name.removeprefix(f"{section}.").replace("-", "_")] = str(ast.literal_eval(value))
    return found


def translated(of_pip: Mapping[str, str]) -> dict[str, str]:
    """Give the variables for uv. Of several indexes each is asked for each package, as pip does; hashes decide."""
    given = {"timeout": of_pip["default_timeout"], **of_pip} if "default_timeout" in of_pip else of_pip
    made = {
        variable: _LISTED.get(variable, " ").join(given[name].split())
        for name, variable in _OF_PIP.items()
        if given.get(name)
    }
    return made | {"UV_NO_CONFIG": "1", "UV_INDEX_STRATEGY": "unsafe-best-match"}
