"""The command line. Every command loads what it needs, and only that: everything takes seconds to load."""

import atexit
import gc

from app.cli.interrupts import leave_at_once


def main() -> None:
    """Entry point of the `clientele` command."""
    # Before anything else is loaded, since that is the moment in which one notices a slip and presses Ctrl-C.
    leave_at_once()
    # What is loaded stays: looking through it again and again for what might be freed is a tenth of a start.
    gc.disable()
    # At its end the interpreter looks through all that was loaded, several times: a second, with nothing to be freed.
    atexit.register(gc.freeze)
    from app.cli.commands import cli

    cli()
