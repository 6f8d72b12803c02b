"""Suggestions for annotators, of `atlop extract --format`."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from atlop.cli.outputs import new_output
from atlop.cli.session import is_main_process, print_result, quiet_libraries
from atlop.cli.text import count_rows
from atlop.corpora import CorpusFile


def write_suggestions(
    model: str, file: Path, output: Path | None, *, format: str, options: dict[str, Any], as_json: bool
) -> None:
    """Write the documents of a file with the facts that a model finds, and print what was written.

    Args:
        model: Run folder, model folder or Hugging Face name.
        file: Documents in any format.
        output: File or folder to make; by default the name of `file` with the format as suffix.
        format: A name of `writable_formats`.
        options: Keyword arguments of `RelationExtractor.from_pretrained`.
        as_json: Whether to print JSON.

    Raises:
        AtlopError: The model or the file cannot be read, or the output exists or cannot be written.
    """
    corpus_file = CorpusFile(file)
    output = output or new_output(file, suffix=f".{format}")
    with quiet_libraries(model=model, kind="model"):
        from tqdm import tqdm

        from atlop.inference import RelationExtractor
        from atlop.inference.suggestions import suggest_facts

        extractor = RelationExtractor.from_pretrained(model, **options)
        bar = partial(tqdm, desc="extracting", unit=" docs", disable=not is_main_process())
        found = suggest_facts(extractor, corpus_file, output=output, format=format, progress=bar)
    print_result(
        {"model": model, "path": file, "output": output, "format": format, **asdict(found)},
        as_json=as_json,
        heading=f"wrote {output}, in format {format}",
        rows=[
            *count_rows({"documents": found.documents, "facts": found.facts, "documents without facts": found.errors}),
            *((f"not kept: {kind}", f"{count:,}") for kind, count in (found.losses or {}).items()),
        ],
    )
