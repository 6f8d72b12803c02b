"""How good the way from text to facts is, and where it loses: in recognition, in grouping or in relations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from atlop.config import Invalid, Precision
from atlop.corpora import Corpus, parse_document, read_labelled
from atlop.corpora.formats.json_lines.writer import json_record
from atlop.corpora.text.entity_grouping import NamedMention, group_mentions
from atlop.ensemble import Member, load_ensemble
from atlop.errors import AtlopError
from atlop.evaluation import EndToEndScores, end_to_end_scores
from atlop.inference.inputs import InputDocument, read_documents
from atlop.inference.recognisers import Recogniser
from atlop.inference.recognition import Recognition
from atlop.json_values import as_json_value
from atlop.prediction import loop_settings
from atlop.schema import Document, Entity


@dataclass(frozen=True)
class EndToEndEvaluation:
    """Scores of the same models with entities from three sources; the differences say where facts are lost."""

    corpus: Corpus
    """The labelled documents."""
    gold_entities: EndToEndScores
    """Only relations are predicted."""
    gold_mentions: EndToEndScores
    """Mentions are grouped by their names."""
    text: EndToEndScores
    """Mentions are recognised, too."""


def evaluate_end_to_end(
    models: str | Path | Member | Sequence[str | Path | Member],
    file: str | Path,
    *,
    ner: str | Recogniser,
    decision: str | Path | None = None,
    precision: Precision = "auto",
    device: str | None = None,
    format: str | None = None,
    invalid: Invalid = "strict",
    show_progress: bool = False,
) -> EndToEndEvaluation:
    """Score models on the text of labelled documents; all pairs of predicted entities are classified.

    Example:
        >>> evaluate_end_to_end("runs/sample", "data/sample/dev.json", ner="spacy:en_core_web_sm").text.facts_strict.f1

    Args:
        models: As in `atlop.evaluate`, like the arguments below.
        file: Labelled documents; the text of one that has only words is these, with spaces between.
        ner: Finds the mentions: a name that `load_recogniser` takes, or a recogniser.
        decision: Name of one of the model's decisions, or a file of `atlop calibrate --output`.
        precision: Number format of the matrix products.
        device: `cpu`, `cuda` or `cuda:N`.
        format: Format of the documents.
        invalid: Whether an invalid document stops the evaluation or is left out and counted.
        show_progress: Whether to draw progress bars.

    Raises:
        AtlopError: As `atlop.evaluate` does, or there is no such recogniser, or it fails.
    """
    corpus = read_labelled(Path(file), format=format, invalid=invalid)
    loop = loop_settings(precision, device=device, show_progress=show_progress)
    ensemble = load_ensemble(models, decision=decision)
    corpus = corpus.without_negatives(ensemble.rule.vocabulary.negative)
    recognition = Recognition.from_config(ner, ensemble.members[0].model.config)
    gold = list(map(with_text, corpus.documents))
    sources = (gold, list(map(grouped_by_name, gold)), recognised(gold, recognition=recognition))
    scores = [
        end_to_end_scores(documents, ensemble.predict(documents, **loop).facts, gold=gold) for documents in sources
    ]
    return EndToEndEvaluation(corpus, *scores)


def with_text(document: Document) -> Document:
    """Return a document with a text; one that has only words gets these, with spaces between."""
    if document.text is not None:
        return document
    where = f'document "{document.title}"'
    record = as_json_value(json_record(document, where=where))
    return parse_document(record, title=document.title, where=where)[0]


def grouped_by_name(document: Document) -> Document:
    """Return a document with its mentions, which have a text, in entities by their names, without facts and pairs."""
    assert document.text is not None
    mentions = [mention for entity in document.entities for mention in entity.mentions]
    named = [NamedMention(mention.spans, mention.type) for mention in mentions]
    numbers = group_mentions(named, text=document.text)
    entities = tuple(
        Entity(tuple(mention for mention, number in zip(mentions, numbers, strict=True) if number == entity))
        for entity in range(max(numbers, default=-1) + 1)
    )
    return replace(document, entities=entities, facts=None, pairs=None)


def recognised(documents: Sequence[Document], *, recognition: Recognition) -> list[Document]:
    """Return documents, which have texts, with the entities that are recognised in them.

    Raises:
        AtlopError: Recognition fails.
    """
    inputs = [
        InputDocument(index, f'document {index} ("{document.title}")', document.title, document.text or "")
        for index, document in enumerate(documents)
    ]
    found: list[Document] = []
    for document, result in zip(documents, read_documents(inputs, group_by=None, recognition=recognition), strict=True):
        if isinstance(result, AtlopError):
            raise result
        found.append(replace(result, directed=document.directed))
    return found
