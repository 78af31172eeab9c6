"""Start a command in a third of the CPU: leave out imports of other packages that no command needs.

Nothing here changes an outcome. With other versions of these packages a command starts more slowly, and works.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final

_LATER: Final = ("jwt",)
"""Modules that redis-py imports for a kind of login that no command uses."""


class _Later(ModuleType):
    """A module that is imported when one of its names is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def postpone_imports() -> None:
    """Have the modules of _LATER imported at their first use, if they aren't yet."""
    for name in _LATER:
        if name not in sys.modules and find_spec(name):
            sys.modules[name] = _Later(name)


def skip_pydantic() -> None:
    """Let typer take plain texts and numbers as they are.

    typer 0.29 checks each value by pydantic, whose import takes as long as the rest of a command. Every other value
    goes through pydantic still, and so do wrong ones, so that the errors are typer's.
    """
    try:
        from typer import core
        from typer._coercion import RuntimeParam, build_runtime_param
    except ImportError:
        return  # this typer has no pydantic

    class Plain(RuntimeParam):
        def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
            plain = _take_plainly(value, self.annotation, self.parameter_info)
            if plain is not None:
                return plain
            return build_runtime_param(param.type_descriptor)._coerce_value(value, param=param, ctx=ctx)  # noqa: SLF001

    def build_plain(described: Any) -> RuntimeParam:
        if described.file_annotation is not None or described.parameter_info.parser is not None:
            return build_runtime_param(described)
        return Plain(annotation=described.annotation, parameter_info=described.parameter_info)

    if hasattr(core, "build_runtime_param"):
        core.build_runtime_param = build_plain


def _take_plainly(value: Any, annotation: Any, information: Any) -> Any:
    """Return a value that needs no conversion but int's; None for any other."""
    if annotation is str and type(value) is str:
        return value
    if annotation == list[str] and isinstance(value, list | tuple) and all(type(one) is str for one in value):
        return list(value)
    if annotation is int and (type(value) is int or (type(value) is str and value.isascii() and value.isdigit())):
        number = int(value)
        low, high = information.min, information.max
        if (low is None or number >= low) and (high is None or number <= high):
            return number
    return None
