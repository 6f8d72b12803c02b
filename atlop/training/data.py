"""The documents that a run trains on and is scored on."""

import logging
from dataclasses import asdict, dataclass
from typing import Any

from tqdm import tqdm

from atlop.config import DataConfig
from atlop.corpora import Corpus, read_corpus, read_train_facts
from atlop.encoding import DocumentEncoder, EncodedDocument, Truncation
from atlop.errors import AtlopError
from atlop.files import sha256_of
from atlop.schema import NameTriple

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Split:
    """A corpus and its documents as the model reads them."""

    corpus: Corpus
    documents: list[EncodedDocument]

    def described(self) -> dict[str, Any]:
        """Return the counts that a run's summary gives."""
        return {
            "documents": len(self.documents),
            "skipped_documents": len(self.corpus.skipped),
            "merged_facts": self.corpus.merged,
            "truncation": asdict(Truncation.of(self.documents)),
        }


def read_labelled(config: DataConfig) -> tuple[Corpus, Corpus]:
    """Read train and dev.

    Raises:
        AtlopError: A file is not as it should be, or has documents without labels.
    """
    train, dev = (
        read_corpus(path, layout=config.layout, invalid=config.invalid) for path in (config.train, config.dev)
    )
    for corpus in (train, dev):
        if not corpus.documents or any(document.facts is None for document in corpus.documents):
            raise AtlopError(
                f"{corpus.path}: has documents without labels, or none at all; training needs labelled ones"
            )
    return train, dev


def seen_facts(config: DataConfig, *, train: Corpus) -> frozenset[NameTriple]:
    """Return the facts that Ign F1 leaves out: those of the file that is given for it, else those of train.

    Raises:
        AtlopError: The file is not as it should be.
    """
    if config.train_facts is not None:
        return read_train_facts(config.train_facts, layout=config.layout)
    return frozenset(triple for document in train.documents for triple in document.name_triples())


def encode(corpus: Corpus, *, encoder: DocumentEncoder, show_progress: bool) -> Split:
    """Encode a corpus, and say what is lost to the maximum length and to unknown relations."""
    bar = tqdm(corpus.documents, desc=f"encoding {corpus.path.name}", unit="document", disable=not show_progress)
    documents = list(encoder.encode(bar))
    truncation = Truncation.of(documents)
    if truncation.documents:
        logger.warning("%s: %s", corpus.path, truncation)
    unknown = sum(document.unknown_facts for document in documents)
    if unknown:
        logger.warning("%s: %d facts have relations that the model does not know and cannot find", corpus.path, unknown)
    return Split(corpus=corpus, documents=documents)


def sha256_of_files(config: DataConfig) -> dict[str, str]:
    """Return the sha256 of every file that a run reads, by path."""
    paths = [config.train, config.dev, config.train_facts, config.relations, config.relation_names]
    return {str(path): sha256_of(path) for path in paths if path is not None}
