"""`python -m app` is the `clientele` command."""

from app.cli import main

main()
