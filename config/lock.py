"""Pin and hash every dependency for `make lock`, without the address of an index."""

import subprocess  # nosec B404
import sys
import tempfile
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parent.parent


def main() -> None:
    """Write requirements/worker.txt for the image, and requirements/dev.txt with the tools too.

    Raises:
        CalledProcessError: uv found no versions that fit together.
    """
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    base = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["cli"]
    worker = base + [need for need in groups["worker"] if not need.startswith("shopstream")]
    build = [*project["build-system"]["requires"], "editables"]
    _lock("worker", worker)
    _lock("dev", worker + groups["dev"] + build)


def _lock(name: str, needs: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / f"{name}.in"
        wanted.write_text("\n".join(needs) + "\n")
        target = _ROOT / "requirements" / f"{name}.txt"
        options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate", "-q"]
        subprocess.run(  # noqa: S603 - our own tool and arguments  # nosec B603
            [sys.executable, "-m", "uv", "pip", "compile", *options, str(wanted), "-o", str(target)],
            check=True,
            stdout=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    main()
