"""The project's own code as text and syntax trees, each file read once a process."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


@cache
def sources(*folders: str) -> tuple[Path, ...]:
    """Give the Python files of these folders; of all but `build` and hidden ones, as `.venv`, if none is named."""
    hidden = (".", "build")
    named = folders or [path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(hidden)]
    return tuple(sorted(path for folder in named for path in (ROOT / folder).rglob("*.py")))


@cache
def text(path: Path) -> str:
    return path.read_text()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(text(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(path)))
