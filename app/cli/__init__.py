"""The command line. Every command loads what it needs, and only that: everything takes seconds to load."""

from app.cli.interrupts import leave_at_once


def main() -> None:
    """Entry point of the `clientele` command."""
    # Before anything else is loaded, since that is the moment in which one notices a slip and presses Ctrl-C.
    leave_at_once()
    from app.cli.commands import cli

    cli()
