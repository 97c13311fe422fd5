"""`python -m opendeep` is the `opendeep` command."""

from opendeep.cli import app

app()
