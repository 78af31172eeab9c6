"""Select the tests that start no process: `--without-processes`, for `make quick`.

A test starts a process if its code, its parameters, a fixture that it takes, or a function of ours that one of them
calls names a means to start one. Nobody marks a test by hand. While a selected test runs no process can start, so a
means that is missing here fails the test that uses it. Of tests with random examples a few are run.
"""

import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Final

import pytest

OPTION: Final = "--without-processes"
_MEANS: Final = {
    "create_subprocess_exec", "create_subprocess_shell", "subprocess", "multiprocessing", "ValkeyServer",
    "find_library", "async_playwright",
}  # fmt: skip
_OURS: Final = {
    "tests", "benchmarks", "examples", "shopstream", "worker", "jobs", "config", "contract", "sandbox",
    "shopstream_sandbox",
}  # fmt: skip
_EVENTS: Final = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec"}
"""Python's audit events of a start."""
_EXAMPLES_MOST: Final = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="run the tests alone that start no process, and let none start")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(OPTION):
        sys.addaudithook(_watch)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption(OPTION):
        return
    known: dict[int, bool] = {}
    starting = [item for item in items if any(starts(thing, known) for thing in _things(item))]
    config.hook.pytest_deselected(items=starting)
    items[:] = [item for item in items if item not in set(starting)]
    for item in items:
        _shorten(item)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> str | list[str]:
    return f"{len(items)} tests start no process" if config.getoption(OPTION) else []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let no process start while a test runs; a module that is imported before may ask the system for something."""
    _watch.on = bool(item.config.getoption(OPTION))
    try:
        return (yield)
    finally:
        _watch.on = False


@dataclass
class _Watch:
    """Forbid processes while it is on: Python keeps an audit hook for good."""

    on: bool = False

    def __call__(self, event: str, _arguments: object) -> None:
        if self.on and event in _EVENTS:
            raise AssertionError(f"a process starts under {OPTION}: tests/process_free.py does not know by which means")


_watch = _Watch()


def starts(thing: object, known: dict[int, bool]) -> bool:
    """Tell whether something of ours can come to a means: a function, a class, or a value that holds such.

    `known` has the answers by identity. Code of other people's is not looked into.
    """
    if id(thing) in known:
        return known[id(thing)]
    known[id(thing)] = False  # for functions that call each other
    if any(name in _MEANS for name in _names(thing)) or any(starts(part, known) for part in _parts(thing)):
        known[id(thing)] = True
    return known[id(thing)]


def _names(thing: object) -> Iterator[str]:
    if isinstance(thing, FunctionType) and _is_ours(thing):
        yield from _code_names(thing.__code__)


def _parts(thing: object) -> Iterator[object]:
    """Give the values that something can come to in one step."""
    # Decorators keep the function that they were put around in one of these.
    kept = getattr(thing, "__dict__", {})
    yield from (kept[name] for name in ("__wrapped__", "hypothesis", "inner_test") if name in kept)
    if isinstance(thing, MethodType | staticmethod | classmethod):
        yield thing.__func__
    elif isinstance(thing, partial):
        yield thing.func
    elif isinstance(thing, property):
        yield thing.fget
    elif isinstance(thing, FunctionType) and _is_ours(thing):
        yield from _globals_of(thing)
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from thing
    elif isinstance(thing, dict):
        yield from thing.values()
    elif isinstance(thing, type):
        yield from vars(thing).values() if _is_ours(thing) else ()
    elif _is_ours(type(thing)):
        yield type(thing)
        yield from kept.values()


def _globals_of(function: FunctionType) -> Iterator[object]:
    """Give the globals that a function names, its own module's and those of modules of ours that it names."""
    names = set(_code_names(function.__code__))
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    yield from (one for one in found if not isinstance(one, ModuleType))
    for module in found:
        if isinstance(module, ModuleType) and module.__name__.partition(".")[0] in _OURS:
            yield from (vars(module)[name] for name in names if name in vars(module))


def _code_names(code: CodeType) -> Iterator[str]:
    """Give the names that code reads, with those of the functions inside of it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_names(constant)


def _is_ours(thing: FunctionType | type) -> bool:
    return str(thing.__module__).partition(".")[0] in _OURS


def _things(item: pytest.Item) -> Iterator[object]:
    """Give the test's function, its parameters, and the functions of all fixtures that it takes."""
    if not isinstance(item, pytest.Function):
        return
    yield item.obj
    if hasattr(item, "callspec"):
        yield item.callspec.params
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        yield from (definition.func for definition in definitions)


def _shorten(item: pytest.Item) -> None:
    """Run few random examples: all of them are for `make test`."""
    function = getattr(item, "obj", None)
    given = getattr(function, "_hypothesis_internal_use_settings", None)
    if function is not None and given is not None:
        from hypothesis import settings

        few = settings(given, max_examples=min(given.max_examples, _EXAMPLES_MOST))
        function._hypothesis_internal_use_settings = few
