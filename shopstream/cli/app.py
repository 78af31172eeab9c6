"""Build the command line from the table of commands. Only the modules of the commands that are called are imported."""

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

from shopstream.version import VERSION

_COMMANDS: Final = {
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
    "status": "shopstream.cli.operating.status_commands:status",
    "pause": "shopstream.cli.operating.status_commands:pause",
    "resume": "shopstream.cli.operating.status_commands:resume",
    "workers": "shopstream.cli.operating.worker_commands:workers",
    "doctor": "shopstream.cli.operating.doctor_commands:doctor",
}
"""Command → the module and the name of its function, or of its application if it has commands of its own."""


def build(arguments: Sequence[str] = ()) -> typer.Typer:
    """Build the command line for these arguments: with the command that they name, or else with all, as for --help."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # rich would cost each command a tenth of a second
        pretty_exceptions_enable=False,
        help="TikTok Shops as event streams.",
    )
    app.callback()(_read_options)
    called = next((one for one in arguments if not one.startswith("-")), None)
    for name in (called,) if called in _COMMANDS else () if "--version" in arguments else _COMMANDS:
        _add(app, name)
    return app


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
