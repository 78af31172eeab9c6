"""Give a command in another tree the package index that this machine's pip knows."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from config.project.package_index import settings

_OF_PIP: Final = {"index_url", "extra_index_url", "find_links", "no_index", "trusted_host", "cert", "proxy"}


def read_pip_settings() -> tuple[dict[str, str], dict[str, Path]]:
    """Give this machine's settings of pip as variables, and the local places that they name, which go below /mnt."""
    listed = subprocess.run(  # noqa: S603
        [f"{sys.base_prefix}/bin/python3", "-m", "pip", "--disable-pip-version-check", "config", "list"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    bound: dict[str, Path] = {}
    variables = {
        f"PIP_{name.upper()}": " ".join(_move(word, bound) for word in value.split())
        for name, value in settings(listed).items()
        if name in _OF_PIP
    }
    return variables | {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}, bound


def _move(word: str, bound: dict[str, Path]) -> str:
    scheme, path = urlsplit(word).scheme, urlsplit(word).path
    if scheme not in {"", "file"} or not Path(path).is_absolute() or not Path(path).exists():
        return word
    # The folder above: an index may lead to packages beside it.
    top = Path(path).parent if scheme == "file" else Path(path)
    inside = f"/mnt/{len(bound)}"
    bound[inside] = top
    moved = f"{inside}/{Path(path).name}" if scheme == "file" else inside
    return f"file://{moved}" if scheme == "file" else moved
