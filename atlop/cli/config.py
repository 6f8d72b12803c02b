"""`atlop config`: shows what a configuration comes to."""

from typing import Annotated

import typer

from atlop.cli.completion import complete_configuration
from atlop.cli.options import Json, Overrides, example
from atlop.config_files import dump_config, load_config

config = typer.Typer(help="Show configurations.", no_args_is_help=True)


@config.command(
    epilog=example(
        "atlop config show docred_roberta_large", "atlop config show own.toml --set trainer.epochs=5 > whole.toml"
    )
)
def show(
    source: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG",
            help="TOML file, or name of a shipped configuration.",
            autocompletion=complete_configuration,
        ),
    ],
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Print the whole configuration as TOML.

    Its values are those of the file, of the files that it extends, and defaults.
    """
    resolved = load_config(source, overrides=overrides or ())
    print(resolved.model_dump_json(indent=2) if as_json else dump_config(resolved).rstrip())
