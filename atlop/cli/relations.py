"""`atlop relations`: changes which relations a model classifies."""

from pathlib import Path
from typing import Annotated

import typer

from atlop.cli.models import quiet_models
from atlop.cli.options import Json, Model, example
from atlop.cli.outputs import new_output
from atlop.cli.session import print_result
from atlop.corpora import read_names
from atlop.errors import AtlopError
from atlop.schema import RelationVocabulary

relations = typer.Typer(help="Add relations to a model.", no_args_is_help=True)


@relations.callback()
def _group() -> None:
    """Keep `add` a subcommand: typer makes a group of one command that command."""


@relations.command(
    epilog=example(
        'atlop relations add runs/own "works for: a person is employed by an organisation" --output models/more',
        "atlop relations add runs/first P108 P69 --relation-names rel_info.json",
    )
)
def add(
    model: Model,
    words: Annotated[
        list[str],
        typer.Argument(metavar="RELATION...", help='Id of a relation, or "id: description"; several at once.'),
    ],
    relation_names: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="rel_info.json: readable names and descriptions of the relations."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Folder or Hugging Face name of the pretrained encoder, which reads the words. [default: the one that "
            "the model was trained on]",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Model folder to make, new or empty. [default: MODEL.relations, if new]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a model that classifies further relations, known by their words alone.

    The model must have been trained with classifier.kind=labels. It is not trained on the added relations: they score
    as their words say, and all others as before.
    """
    output = output or new_output(model, suffix=".relations")
    added = _described(words, names=relation_names)
    with quiet_models([model]):
        from atlop.model_folder import add_relations

        config = add_relations(model, added, output=output, encoder=encoder)
    decision = config.stored_decision
    print_result(
        {
            "model": model,
            "output": output,
            "added": {relation: added.words_of(relation) for relation in added.relations},
            "relations": len(config.vocabulary.relations),
            "decision": decision.model_dump(exclude_none=True),
        },
        as_json=as_json,
        heading=f"{output}: model folder written",
        rows=[
            *(("added", relation, "by its words alone, not trained") for relation in added.relations),
            ("relations", f"{len(config.vocabulary.relations):,}"),
            ("decision", decision.use, "" if decision.use == "plain" else "chosen without the added relations"),
        ],
    )


def _described(words: list[str], *, names: Path | None) -> RelationVocabulary:
    """Return the relations of the command line, with what the file says about them."""
    readable_names, descriptions = ({}, {}) if names is None else read_names(names)
    relations = []
    for text in words:
        relation, colon, description = (part.strip() for part in text.partition(": "))
        if not relation or (colon and not description):
            raise AtlopError(f'relation {text!r}: expected an id, or "id: description"')
        relations.append(relation)
        if colon:
            descriptions[relation] = description
    return RelationVocabulary(
        tuple(relations),
        names={key: value for key, value in readable_names.items() if key in relations},
        descriptions={key: value for key, value in descriptions.items() if key in relations},
    )
