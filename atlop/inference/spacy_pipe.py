"""A spaCy pipeline component that finds relations between a document's entities.

    nlp.add_pipe("atlop", config={"model": "runs/sample"})

spaCy finds the factory by the package's entry point. `doc._.relations` is a list of `ExtractedFact.as_json`, with
character offsets into `doc.text`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import tee
from pathlib import Path
from typing import Any, Literal
from unicodedata import normalize

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.util import ensure_path

from atlop.config import Precision
from atlop.corpora.text.sentence_ends import sentence_starts
from atlop.errors import AtlopError
from atlop.inference.extractor import RelationExtractor
from atlop.inference.facts import ExtractionError
from atlop.inference.mentions import Cluster, coreference_clusters

GroupBy = Literal["text", "kb_id", "coref"]


class RelationPipe(Pipe):
    """Sets `doc._.relations`."""

    def __init__(self, name: str, *, model: str, group_by: GroupBy, precision: Precision, explain: bool):
        """Store the settings; the model is loaded on first use, or with the pipeline."""
        self.name = name
        self._model = model
        self._group_by = group_by
        self._precision = precision
        self._explain = explain
        if not Doc.has_extension("relations"):
            Doc.set_extension("relations", default=None)

    @cached_property
    def extractor(self) -> RelationExtractor:
        """The model, loaded on first use."""
        return self._load(self._model)

    def __call__(self, doc: Doc) -> Doc:
        """Set the relations of one document."""
        return next(self.pipe([doc]), doc)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 0) -> Iterator[Doc]:
        """Set the relations of a stream of documents, batched by length.

        `batch_size` is spaCy's buffer size and unused: batches suit the device.
        """
        docs, to_read = tee(stream)
        rows = (document_row(doc, group_by=self._group_by) for doc in to_read)
        found = self.extractor.pipe(rows, explain=self._explain)
        for doc, result in zip(docs, found, strict=True):
            if isinstance(result, ExtractionError):
                self.get_error_handler()(self.name, self, [doc], AtlopError(result.message))
                continue
            doc._.relations = [fact.as_json() for fact in result]
            yield doc

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model into the pipeline's folder."""
        self.extractor.save_pretrained(ensure_path(path))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "RelationPipe":
        """Load the model from the pipeline's folder; the model that the configuration names need not exist any more."""
        self.extractor = self._load(path)
        return self

    def _load(self, folder: str | Path) -> RelationExtractor:
        return RelationExtractor.from_pretrained(folder, precision=self._precision)


@Language.factory(
    "atlop",
    assigns=["doc._.relations"],
    requires=["doc.ents"],
    default_config={"group_by": "text", "precision": "auto", "explain": False},
)
def make(nlp: Language, name: str, model: str, group_by: GroupBy, precision: Precision, explain: bool) -> RelationPipe:
    """Create the component.

    Args:
        nlp: The pipeline.
        name: Name of the component in the pipeline.
        model: Run folder (its `best/` is used), model folder or Hugging Face name.
        group_by: Group mentions into entities by identical `text`, the same `kb_id` or the same `coref` cluster;
            mentions without a `kb_id` or cluster by text.
        precision: Number format of the matrix products.
        explain: Whether to add the words that the model read for each fact.
    """
    return RelationPipe(name, model=model, group_by=group_by, precision=precision, explain=explain)


def document_row(doc: Doc, *, group_by: GroupBy) -> dict[str, Any]:
    """Convert a document to the JSON lines format, with spaCy's words, and its sentences if they are annotated."""
    entities = _entities(doc, group_by=group_by)
    spans = [(start, end) for entity in entities for mention in entity["mentions"] for start, end in mention["spans"]]
    if doc.has_annotation("SENT_START"):
        starts = {sentence.start_char for sentence in doc.sents}
        starts = {start for start in starts if not any(first < start < end for first, end in spans)}
    else:
        starts = set(sentence_starts(doc.text, unbroken=tuple(spans)))
    sentences: list[list[list[int]]] = [[]]
    for token in doc:
        if token.idx in starts and sentences[-1]:
            sentences.append([])
        if not token.is_space:
            sentences[-1].append([token.idx, token.idx + len(token)])
    return {"text": doc.text, "entities": entities, "words": sentences}


def _entities(doc: Doc, *, group_by: GroupBy) -> list[dict[str, Any]]:
    clusters = coreference_clusters(doc) if group_by == "coref" else []
    cluster_of = {span: cluster for cluster in clusters for span in cluster}
    groups: dict[object, list[Span]] = defaultdict(list)
    for ent in doc.ents:
        span = (ent.start_char, ent.end_char)
        if span in cluster_of:
            groups[cluster_of[span]].append(ent)
        else:
            groups[normalize("NFC", ent.kb_id_ if group_by == "kb_id" and ent.kb_id_ else ent.text)].append(ent)
    return [_entity(ents, cluster=key if isinstance(key, tuple) else ()) for key, ents in groups.items()]


def _entity(ents: list[Span], *, cluster: Cluster) -> dict[str, Any]:
    """Return the entity of some mentions and the other mentions of their cluster, such as pronouns."""
    spans = dict.fromkeys([*((ent.start_char, ent.end_char) for ent in ents), *cluster])
    ids = [ent.kb_id_ for ent in ents if ent.kb_id_]
    entity = {"type": ents[0].label_, "mentions": [{"spans": [list(span)]} for span in sorted(spans)]}
    return entity | ({"id": ids[0]} if ids else {})
