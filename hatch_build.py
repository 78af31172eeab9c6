"""Give a package of shopstream its version file, and its page on PyPI links that lead somewhere.

hatchling runs these hooks. The checkout stays as it is, so that no file there is older than the code beside it.
"""

import os
import re
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

REPOSITORY: Final = "SHOPSTREAM_REPOSITORY"
"""The environment variable with the files' address at the tag, such as https://host/owner/shopstream/blob/v1.2.3."""
_LINK: Final = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


class VersionFile(BuildHookInterface[Any]):
    """Puts `shopstream/_version.py` into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the file beside the checkout."""
        if version != "standard":
            return
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "_version.py"
        path.write_text(f'"""Hold the version of this build."""\n\n__version__ = version = "{self.metadata.version}"\n')
        build_data["force_include"][str(path)] = "shopstream/_version.py"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        """Remove the file."""
        if version == "standard":
            self._folder.cleanup()


class Readme(MetadataHookInterface):
    """Makes PyPI's page of README.md."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the page."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        page = lead_links(text, os.environ.get(REPOSITORY, ""))
        metadata["readme"] = {"content-type": "text/markdown", "text": page}


def lead_links(text: str, repository: str) -> str:
    """Lead links that are relative to the repository to its address.

    Without an address a link becomes its text, and a picture goes.
    """

    def lead(link: re.Match[str]) -> str:
        target = link["target"]
        if target.startswith(("https://", "#")):
            return link[0]
        if repository:
            place = repository.replace("/blob/", "/raw/") if link["picture"] else repository
            return f"{link['picture']}[{link['text']}]({place.rstrip('/')}/{target})"
        return "" if link["picture"] else link["text"]

    return _LINK.sub(lead, text)
