"""Read from the source which events are logged, each with its level and its process. Nothing is imported or run."""

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

from tests.sources import ROOT, nodes, sources

_LEVELS: Final = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
_PROCESSES: Final = {
    "worker": "worker",
    "jobs": "worker",
    "gateway": "gateway",
    "config": "both",
    "shopstream/kafka": "bridge",
}


class LogEvent(NamedTuple):
    """An event that code logs, with its level and its process: worker, gateway, both or bridge."""

    name: str
    level: str
    process: str


def read_events() -> set[LogEvent]:
    """Read the events of all processes. An event that can't be read from its call fails an assertion."""
    found: set[LogEvent] = set()
    for folder, process in _PROCESSES.items():
        for path in sources(folder):
            found |= {LogEvent(name, level, process) for name, level in _read_file(path)}
    return found


def _read_file(path: Path) -> Iterator[tuple[str, str]]:
    """Read the events of a file: calls of a logger's method, or of a variable that holds such a method."""
    holders: dict[str, ast.expr] = {}
    for node in nodes(path):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_method(node.value):
            holders[node.targets[0].id] = node.value
    for node in nodes(path):
        if not isinstance(node, ast.Call):
            continue
        method = holders.get(node.func.id) if isinstance(node.func, ast.Name) else node.func
        if method is not None and _is_method(method):
            yield from _read_call(path, node, method)


def _read_call(path: Path, call: ast.Call, method: ast.expr) -> Iterator[tuple[str, str]]:
    """Read the events of a call. One condition decides level and name alike, if both depend on it."""
    event = call.args[0]
    both = [ast.unparse(one.test) for one in (method, event) if isinstance(one, ast.IfExp)]
    pair = zip if len(both) == 2 and both[0] == both[1] else product
    for way, part in pair(_branches(method), _branches(event)):
        for name in _read_names(path, call, part):
            yield name, _method(way)


def _is_method(value: ast.expr) -> bool:
    return any(_method(part) for part in _branches(value))


def _branches(value: ast.expr) -> list[ast.expr]:
    return [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]


def _method(node: ast.expr) -> str:
    """Give the level of a logger's method; "" for anything else."""
    if not isinstance(node, ast.Attribute) or node.attr not in _LEVELS:
        return ""
    owner = ast.unparse(node.value)
    is_logger = owner.rpartition(".")[2].lstrip("_") == "log" or owner.startswith("structlog.get_logger(")
    return _LEVELS[node.attr] if is_logger else ""


def _read_names(path: Path, call: ast.Call, event: ast.expr) -> list[str]:
    match event:
        case ast.Constant(value=str(name)):
            return [name]
        case ast.Subscript(value=ast.Name(id=table)):
            return _read_table(path, table)
        case ast.JoinedStr(values=[ast.FormattedValue(value=ast.Name(id=variable)), ast.Constant(value=str(end))]):
            return [begin + end for begin in _read_literal(path, call, variable)]
    raise AssertionError(f"{path}:{call.lineno}: the event is not to be read from the source")


def _read_table(path: Path, name: str) -> list[str]:
    """Read the values of a mapping of the module."""
    for node in nodes(path):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == name and isinstance(node, ast.Assign | ast.AnnAssign):
            assert isinstance(node.value, ast.Dict)
            return [ast.literal_eval(value) for value in node.value.values]
    raise AssertionError(f"{path}: no mapping {name}")


def _read_literal(path: Path, call: ast.Call, variable: str) -> list[str]:
    """Read the words of the Literal that annotates an argument of the function around a call."""
    around = [node for node in nodes(path) if isinstance(node, ast.FunctionDef) and call in set(ast.walk(node))]
    kinds = [ast.unparse(one.annotation) for one in around[-1].args.args if one.arg == variable and one.annotation]
    for file in sources(path.relative_to(ROOT).parts[0]):
        for node in nodes(file):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in kinds:
                assert isinstance(node.value, ast.Subscript)
                return list(ast.literal_eval(node.value.slice))
    raise AssertionError(f"{path}: no Literal for {variable}")
