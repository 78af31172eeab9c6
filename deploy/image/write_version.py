# ruff: noqa: INP001 - a script of the Dockerfile, in no package
"""Give the code in the image its version: `write_version.py VERSION`, which the Dockerfile runs.

The image holds the code without an installed package. Python's own metadata and `shopstream/_version.py` say the same.
"""

import re
import sys
import sysconfig
from pathlib import Path
from typing import Final

_VERSION: Final = re.compile(r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?(\+[a-z0-9.]+)?")
"""As PEP 440 has them, in its normal form."""


def main(version: str, code: Path, packages: Path) -> None:
    """Write the version beside the code and into the packages.

    Raises:
        SystemExit: no version.
    """
    if not _VERSION.fullmatch(version):
        raise SystemExit(f"VERSION must be a version as PEP 440 has it, such as 1.2.3: {version}")
    (code / "shopstream" / "_version.py").write_text(f'__version__ = version = "{version}"\n')
    metadata = packages / f"shopstream-{version}.dist-info"
    metadata.mkdir()
    fields = ("Metadata-Version: 2.4", "Name: shopstream", f"Version: {version}", "License-Expression: MIT")
    (metadata / "METADATA").write_text("\n".join(fields) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path.cwd(), Path(sysconfig.get_path("purelib")))
