"""Collect the site's pages for mkdocs: this repository's own, at their own paths, so that their links hold as they are.

A link to a folder leads to a list of its files. The reference is made out of what `shopstream` exports.
"""

import ast
import posixpath
import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT: Final = Path(__file__).parents[2]
_LINK: Final = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)(?=[)#])")
_PACKAGE: Final = "shopstream"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add to the navigation whatever it does not name."""
    named = list(config.nav or [])
    pages = sorted(str(path.relative_to(_ROOT)) for path in (_ROOT / "docs").glob("*.md"))
    decisions = sorted(str(path.relative_to(_ROOT)) for path in (_ROOT / "docs" / "decisions").glob("*.md"))
    index = "docs/decisions/README.md"
    config.nav = [
        *named,
        *(page for page in pages if page not in named),
        {"Decisions": [index, *(page for page in decisions if page != index)]},
        {"Reference": [f"reference/{name}.md" for name in _exported()]},
        {"Sandbox": ["shopstream_sandbox/README.md"]},
        {"Examples": ["examples/README.md"]},
        {"Project": sorted(path.name for path in _ROOT.glob("*.md") if path.name != "README.md")},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Give the repository's pages, what they link to, the reference, and the theme's own files."""
    found: dict[str, File] = {}
    todo = [path.name for path in _ROOT.glob("*.md")]
    todo += [str(path.relative_to(_ROOT)) for path in (_ROOT / "docs").rglob("*") if path.is_file()]
    while todo:
        uri = todo.pop()
        path = _ROOT / uri
        if uri in found or not path.is_relative_to(_ROOT) or not path.exists():
            continue
        if path.is_dir():
            found[uri] = File.generated(config, f"{uri}/index.md", content=_listing(path))
            todo += [f"{uri}/{one.name}" for one in path.iterdir() if one.is_file()]
            continue
        found[uri] = File(uri, str(_ROOT), config.site_dir, use_directory_urls=config.use_directory_urls)
        if path.suffix == ".md":
            todo += [_target(uri, link) for link in _LINK.findall(path.read_text())]
    for name, content in _exported().items():
        found[f"reference/{name}.md"] = File.generated(config, f"reference/{name}.md", content=content)
    of_theme = [file for file in files if file.src_dir != config.docs_dir]
    return Files([*of_theme, *found.values()])


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs' own
    """Lead a link to a folder to the list of its files, or to its own page."""

    def lead(link: re.Match[str]) -> str:
        path = _ROOT / posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), link[1]))
        if not path.is_dir():
            return link[1]
        return posixpath.join(link[1], "README.md" if (path / "README.md").exists() else "index.md")

    return _LINK.sub(lead, markdown)


def _target(uri: str, link: str) -> str:
    """Give the path of what a page links to; of a folder with a page of its own, that page."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(uri), link))
    return f"{path}/README.md" if (_ROOT / path / "README.md").exists() else path


def _listing(folder: Path) -> str:
    names = sorted(one.name for one in folder.iterdir() if one.is_file())
    return "\n".join([f"# {folder.relative_to(_ROOT)}", "", *(f"- [{name}]({name})" for name in names), ""])


def _exported() -> dict[str, str]:
    """Give a page for each package whose names `shopstream` exports."""
    pages: dict[str, str] = {}
    for node in ast.walk(ast.parse((_ROOT / _PACKAGE / "__init__.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{_PACKAGE}."):
            name = node.module.split(".")[1]
            pages.setdefault(name, f"# {_PACKAGE}: {name}\n\n{_sentence(name)}\n")
            pages[name] += "".join(f"\n::: {node.module}.{alias.name}\n" for alias in node.names)
    return pages


def _sentence(name: str) -> str:
    module = _ROOT / _PACKAGE / name
    path = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
