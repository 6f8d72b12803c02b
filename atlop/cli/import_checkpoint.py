"""`atlop import-checkpoint`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from atlop.cli.options import Json
from atlop.cli.outputs import new_output
from atlop.cli.session import print_result, quiet_libraries
from atlop.cli.text import count_rows
from atlop.config import ModelConfig, ObjectiveConfig, PreprocessingConfig
from atlop.corpora import read_vocabulary
from atlop.files import one_writer, reading, refuse_nonempty


def import_checkpoint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="State dict of the authors' released code.")],
    encoder: Annotated[str, typer.Option(metavar="NAME", help="Hugging Face name or folder of its encoder.")],
    relations: Annotated[Path, typer.Option(metavar="FILE", help="rel2id.json that it was trained with.")],
    output: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="Model folder to make, new or empty. [default: FILE.model, if new]"),
    ] = None,
    relation_names: Annotated[Path | None, typer.Option(metavar="FILE", help="rel_info.json: readable names.")] = None,
    max_length: Annotated[int, typer.Option(metavar="N", min=8, help="Longest input in tokens.")] = 1024,
    max_relations: Annotated[int, typer.Option(metavar="N", min=1, help="Most relations of one pair.")] = 4,
    markers: Annotated[
        Literal["word", "mention"],
        typer.Option(help="Where `*` marks mentions: word for DocRED, mention for CDR and GDA."),
    ] = "word",
    as_json: Json = False,
) -> None:
    """Make a model folder of a released checkpoint."""
    output = output or new_output(file, suffix=".model")
    with reading(file):
        refuse_nonempty(output)
    vocabulary = read_vocabulary(relations, names=relation_names)
    with quiet_libraries(model=encoder, kind="encoder"):
        from atlop.model_folder import classifier_sizes, load_encoder, load_released, new_model, save_model, write_card

        loaded = load_encoder(
            encoder,
            model_config=ModelConfig(
                preprocessing=PreprocessingConfig(max_length=max_length, markers=markers),
                classifier=classifier_sizes(file),
                objective=ObjectiveConfig(max_relations=max_relations),
            ),
            pretrained=False,
        )
        model = new_model(loaded, vocabulary=vocabulary)
        load_released(model, file)
        with one_writer(output, is_folder=True):
            refuse_nonempty(output)
            save_model(output, model=model, tokenizer=loaded.tokenizer)
            write_card(output)
    result: dict[str, Any] = {
        "output": output,
        "relations": len(vocabulary.relations),
        **model.config.model.classifier.model_dump(include={"representation_size", "block_size"}),
        "parameters": model.num_parameters(),
    }
    rows = count_rows({key: result[key] for key in list(result)[1:]})
    print_result(result, as_json=as_json, heading=f"{output}: model folder written", rows=rows)
