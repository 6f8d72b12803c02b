"""The `atlop` command."""

from atlop.cli.commands import app, main

__all__ = ["app", "main"]
