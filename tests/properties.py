"""How many random examples a test of a property tries: a third in `make test`, all in `make properties`.

Each run draws others, so runs of some days try as many together. `make chaos` tries all too.
"""

import os
from typing import Final

import pytest

VARIABLE: Final = "SHOPSTREAM_EXAMPLES"
"""Of the environment: with `all`, each test tries as many as its settings say."""
LEAST: Final = 10
"""A test has so many in any case, if its settings say as many."""


def share(examples: int, least: int = LEAST) -> int:
    """Tell how many of a test's examples are tried in this run."""
    return examples if os.environ.get(VARIABLE) == "all" else min(examples, max(least, examples // 3))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its share, once: the items of a test with parameters have one function."""
    functions = {getattr(item, "function", None) for item in items}
    for function in functions:
        given = getattr(function, "_hypothesis_internal_use_settings", None)
        if function is not None and given is not None:
            from hypothesis import settings

            fewer = settings(given, max_examples=share(given.max_examples))
            function._hypothesis_internal_use_settings = fewer
