"""Pin and hash every dependency for `make lock`, without the address of an index."""

import subprocess  # nosec B404
import sys
import tempfile
import tomllib
from pathlib import Path

from config.project import package_index

_ROOT = Path(__file__).parents[2]
# The virtual environment has no pip of its own; the interpreter that it was made by has one.
BASE_PYTHON = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


def main() -> None:
    """Write requirements/worker.txt for the image, sbom.txt for its build, dev.txt with all tools, demo.txt and uv.txt.

    The demo installs some of the tools. Their versions are those of dev.txt, so that `make test` adds only the rest.

    Raises:
        CalledProcessError: uv found no versions that fit together.
    """
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    extras = project["project"]["optional-dependencies"]
    own = "shopstream["  # an extra of this project, which no index has
    worker = project["project"]["dependencies"] + extras["cli"]
    worker += [need for need in groups["worker"] if not need.startswith(own)]
    wanted = extras["otel"] + extras["kafka"] + groups["dev"]
    tools = [need for need in wanted if not need.startswith(own)]
    build = [*project["build-system"]["requires"], "editables"]
    _lock("worker", worker)
    _lock("dev", worker + groups["demo"] + tools + build)
    _lock("demo", worker + groups["demo"] + build, like="dev")
    _lock("uv", ["uv"], like="dev")
    _lock("sbom", ["cyclonedx-bom>=7"])


def _lock(name: str, needs: list[str], *, like: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / f"{name}.in"
        target = _ROOT / "requirements" / f"{name}.txt"
        if like:
            needs = [*needs, f"-c {_ROOT / 'requirements' / like}.txt"]
        wanted.write_text("\n".join(needs) + "\n")
        options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate", "-q"]
        subprocess.run(  # noqa: S603 - our own tool and arguments  # nosec B603
            [sys.executable, "-m", "uv", "pip", "compile", *options, str(wanted), "-o", str(target)],
            check=True,
            env=package_index.environment(BASE_PYTHON),
            stdout=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    main()
