"""Build the command line from the table of commands. Only the modules of the commands that are called are imported."""

import ast
import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Final, TypeGuard

import typer

from shopstream.version import VERSION

_COMMANDS: Final = {
    "setup": "shopstream.cli.operating.setup_commands:setup",
    "authorize-url": "shopstream.cli.consents.consent_commands:authorize_url",
    "authorize": "shopstream.cli.consents.consent_commands:authorize",
    "invite": "shopstream.cli.consents.invite_commands:invite",
    "shops": "shopstream.cli.shop_commands:app",
    "sync": "shopstream.cli.sync_commands:sync",
    "settings": "shopstream.cli.settings_commands:settings",
    "forget": "shopstream.cli.shop_commands:forget",
    "webhooks": "shopstream.cli.webhook_commands:webhooks",
    "tail": "shopstream.cli.reading.tail_commands:tail",
    "snapshot": "shopstream.cli.reading.snapshot_commands:snapshot",
    "explain": "shopstream.cli.reading.explain_commands:explain",
    "dead": "shopstream.cli.dead_commands:app",
    "groups": "shopstream.cli.operating.group_commands:app",
    "bridge": "shopstream.cli.operating.bridge_commands:app",
    "status": "shopstream.cli.operating.status_commands:status",
    "pause": "shopstream.cli.operating.status_commands:pause",
    "resume": "shopstream.cli.operating.status_commands:resume",
    "slots": "shopstream.cli.operating.slot_commands:app",
    "workers": "shopstream.cli.operating.worker_commands:workers",
    "doctor": "shopstream.cli.operating.doctor_commands:doctor",
    "dictionary": "shopstream.cli.operating.dictionary_commands:app",
    "move": "shopstream.cli.operating.move_commands:move",
    "export": "shopstream.cli.operating.backup_commands:export_backup",
    "import": "shopstream.cli.operating.backup_commands:import_backup",
}
"""Command → the module and the name of its function, or of its application if it has commands of its own."""


def build(arguments: Sequence[str] | None = None) -> typer.Typer:
    """Build the command line for these arguments; None for any.

    It has the command that they name. If they name none, as for --help, it has the summaries of all.
    """
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # rich would cost each command a tenth of a second
        pretty_exceptions_enable=False,
        help="TikTok Shops as event streams.",
    )
    app.callback()(_read_options)
    called = next((one for one in arguments or () if not one.startswith("-")), None)
    if called in _COMMANDS:
        _add(app, called)
    elif arguments is None:
        for name in _COMMANDS:
            _add(app, name)
    elif "--version" not in arguments:
        for name, place in _COMMANDS.items():
            app.command(name, help=_read_summary(place))(_run_nothing)
    return app


def _run_nothing() -> None:
    """Stand for a command that only --help names."""


def _read_summary(place: str) -> str:
    """Read the summary of a command from its source: its module and all that it needs stay out."""
    module, _, part = place.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None or not os.path.isfile(spec.origin):  # noqa: PTH113 - pathlib costs more
        return str(getattr(import_module(module), part).__doc__ or "")
    with open(spec.origin, encoding="utf-8") as file:  # noqa: PTH123 - the same
        source = file.read()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == part:
            return (ast.get_docstring(node) or "").partition("\n")[0]
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == part for one in node.targets):
            return next((str(one.value) for one in ast.walk(node.value) if _is_sentence(one)), "")
    return ""


def _is_sentence(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _add(app: typer.Typer, name: str) -> None:
    module, _, part = _COMMANDS[name].partition(":")
    found = getattr(import_module(module), part)
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name)
    else:
        app.command(name)(found)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's call
    if wanted:
        typer.echo(f"shopstream {VERSION}")
        raise typer.Exit


def _read_options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """TikTok Shops as event streams."""
