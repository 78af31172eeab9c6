"""`make site`: links and anchors hold, each exported name has its entry, and no other host is asked for anything."""

import asyncio
import os
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import shopstream
from tests.processes import process
from tests.sources import ROOT

_LOADED = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?\s(?:src|href)=\"?([^\s\">]+)")
_OF_STYLE = re.compile(r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)")


async def build(site: Path, *options: str) -> tuple[int | None, str]:
    command = (sys.executable, "-m", "mkdocs", "build", "-d", str(site), *options)
    async with process(*command, cwd=ROOT, env={"NO_MKDOCS_2_WARNING": "1"}) as child:
        out, err = await asyncio.wait_for(child.communicate(), 300)
    return child.returncode, (out + err).decode()


def loaded(site: Path) -> set[tuple[str, str]]:
    """Give what a browser loads for the site, each with the file that wants it."""
    found = {(str(page), link) for page in site.rglob("*.html") for link in _LOADED.findall(page.read_text())}
    for sheet in site.rglob("*.css"):
        found |= {(str(sheet), one or other) for one, other in _OF_STYLE.findall(sheet.read_text())}
    return found


def texts(folder: Path) -> list[str]:
    return [page.read_text() for page in folder.rglob("*.html")]


def there(site: Path, source: str, link: str) -> bool:
    path = unquote(urlsplit(link).path)
    place = site / path.lstrip("/") if path.startswith("/") else Path(source).parent / path
    return Path(os.path.normpath(place)).exists()


async def test_it_is_built_without_a_warning_and_loads_nothing_of_other_hosts(tmp_path: Path) -> None:
    code, output = await build(tmp_path)
    assert code == 0, output
    assert "WARNING" not in output
    wanted = {(source, link) for source, link in loaded(tmp_path) if not link.startswith(("data:", "#"))}
    assert len(wanted) > 100
    assert [one for one in wanted if urlsplit(one[1]).netloc] == []
    assert [(source, link) for source, link in wanted if not there(tmp_path, source, link)] == []
    pages = texts(tmp_path)
    # The theme loads mermaid from a foreign host: draw as text or SVG.
    assert not [page for page in pages if "mermaid" in re.findall(r'class="([^"]*)"', page)]
    reference = "".join(texts(tmp_path / "reference"))
    entries = set(re.findall(r'id="shopstream\.[\w.]*?(\w+)"', reference))
    assert set(shopstream.__all__) <= entries


async def test_a_link_to_no_page_and_one_to_no_place_on_a_page_are_errors(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# A\n\n[no page](nothing.md) [no place](#nothing)\n")
    configuration = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[0]
    without_ours = re.sub(r"^hooks:.*\n|^  - mkdocstrings:\n(    .*\n)+", "", configuration, flags=re.MULTILINE)
    (tmp_path / "mkdocs.yml").write_text(without_ours)
    code, output = await build(tmp_path / "site", "-f", str(tmp_path / "mkdocs.yml"))
    assert code == 1
    assert "nothing.md" in output
    assert "#nothing" in output
