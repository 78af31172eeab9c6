"""Run the command `shopstream`."""

import gc
import os
import sys


def main() -> None:
    """Run the `shopstream` command. It imports the parts of that command alone."""
    # A command lives for a moment: passes over what it imports are a sixth of its CPU, and free nothing.
    gc.disable()
    try:
        import typer  # noqa: F401 - for shopstream/cli/app.py
    except ImportError:  # other services install the package without the command line
        sys.exit("the command line needs more packages: pip install 'shopstream[cli]'")
    from shopstream.cli.app import build
    from shopstream.cli.quick_start import postpone_imports, skip_pydantic
    from shopstream.cli.terminal import read_environment

    if sys.stdin is None:  # it was closed before the start: an input without a line, for whoever reads it
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - until the end; pathlib costs more
    postpone_imports()
    skip_pydantic()
    read_environment()
    build(sys.argv[1:])(prog_name="shopstream")


if __name__ == "__main__":
    main()
