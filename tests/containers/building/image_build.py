"""Perform the steps of the Dockerfile in folders instead of an engine, from a Debian with Python as the base.

Packages come from the index that this machine's pip knows.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from tests.containers.building.chroot import Chroot, list_network_files
from tests.containers.building.dockerfile import Dockerfile, Stage, Step, read_dockerfile, read_ignored
from tests.containers.building.pip_settings import read_pip_settings
from tests.sources import ROOT

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SECONDS: Final = 900
"""For a step, which may download 40 packages on a busy machine."""


class StepFailed(Exception):
    """A RUN ended with an error. The text is the step and the end of what it printed."""


@dataclass
class Image:
    """What steps have made so far.

    Attributes:
        base: the tree that it began with.
        tree: all files.
        env: the environment of its processes.
        folder: their working directory.
        user: their uid and gid.
        labels: the labels.
    """

    base: Path
    tree: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    folder: str = "/"
    user: str = "0:0"
    labels: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)

    def own_bytes(self) -> int:
        """Count the bytes of the files that the base has not, or has otherwise: those of the image's own layers."""
        total = 0
        for path in self.tree.rglob("*"):
            if not path.is_symlink() and path.is_file():
                before, now = self.base / path.relative_to(self.tree), path.lstat()
                if not before.is_file() or before.stat()[6:9:2] != (now.st_size, int(now.st_mtime)):
                    total += now.st_size
        return total


def build_image(base: Path, folder: Path, arguments: Mapping[str, str]) -> Image:
    """Build the image of the Dockerfile in a folder, and give the last stage.

    Raises:
        StepFailed: a RUN ended with an error.
        FileNotFoundError: a COPY names what isn't in the context.
    """
    dockerfile = read_dockerfile()
    context = folder / "context"
    _make_context(context)
    done: dict[str, Image] = {}
    for number, stage in enumerate(dockerfile.stages):
        image = Image(base, folder / f"stage-{number}")
        _run("cp", "-a", "--reflink=auto", f"{base}/.", str(image.tree))
        _build_stage(stage, image, dockerfile, arguments, context, done)
        done[stage.name] = image
    return image


def _build_stage(
    stage: Stage,
    image: Image,
    dockerfile: Dockerfile,
    given: Mapping[str, str],
    context: Path,
    done: Mapping[str, Image],
) -> None:
    assert stage.base == dockerfile.arguments["PYTHON_IMAGE"], "each stage begins with the base"
    for step in stage.steps:
        variables = image.env | image.arguments
        match step.instruction:
            case "ARG":
                name, _, default = step.text.partition("=")
                image.arguments[name] = given.get(name, default)
            case "ENV":
                image.env |= step.pairs(variables)
            case "LABEL":
                image.labels |= step.pairs(variables)
            case "WORKDIR":
                image.folder = step.text
                (image.tree / step.text.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "USER":
                image.user = step.text
            case "COPY":
                _copy(step, image, context, done)
            case "RUN":
                _perform(step, image)
            case "CMD":
                pass
            case other:
                raise AssertionError(f"no test knows {other}")


def _make_context(context: Path) -> None:
    """Make the folder that Docker would send: what .dockerignore lets through."""
    context.mkdir()
    for name in read_ignored():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, context / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, context / name)


def _copy(step: Step, image: Image, context: Path, done: Mapping[str, Image]) -> None:
    """Copy as Docker does: the content of a folder, a file under its name into a target that ends with a slash."""
    words = step.words(image.env | image.arguments)
    source = context
    if words[0].startswith("--from="):
        source = done[words.pop(0).removeprefix("--from=")].tree
    *names, target = words
    place = image.tree / str(PurePosixPath(image.folder, target)).lstrip("/")
    for name in names:
        path = source / name.lstrip("/")
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            _run("cp", "-a", "--no-preserve=ownership", f"{path}/.", str(place))
        else:
            inside = place / path.name if target.endswith("/") else place
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, inside)


def _perform(step: Step, image: Image) -> None:
    pip, bound = read_pip_settings()
    chroot = Chroot(image.tree, image.folder, bound | list_network_files(), image.user)
    command = chroot.command(["sh", "-ec", step.text], image.env | image.arguments | pip)
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603
    if done.returncode:
        printed = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise StepFailed(f"RUN {step.text}\n{printed}")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603
