"""`python -m atlop` is the `atlop` command."""

from atlop.cli import main

main()
