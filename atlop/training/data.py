"""The documents that a run trains on and is scored on, and how they get to the steps."""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from atlop.config import DataConfig, Invalid, PreprocessingConfig
from atlop.corpora import Corpus, CorpusFile, check_relations, log_issues, read_train_facts, read_vocabulary
from atlop.errors import AtlopError
from atlop.files import file_sha256
from atlop.preprocessing import PreprocessedCorpus, preprocessed_corpus
from atlop.schema import NameTriple

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
Output = TypeVar("Output")


@dataclass(frozen=True)
class Split:
    """A corpus file as the model reads it."""

    path: Path
    sha256: dict[str, str]
    """Of all files that it was read from, by path."""
    documents: PreprocessedCorpus

    def summary(self) -> dict[str, Any]:
        """Return the counts that a run's summary gives."""
        return {
            "documents": len(self.documents),
            **self.documents.contents.issues.counts(),
            "truncation": asdict(self.documents.truncation),
        }


class TrainingData:
    """Everything that a run reads. Of the train file no document is kept in memory; of dev all are, to be scored."""

    def __init__(
        self,
        config: DataConfig,
        *,
        tokenizer: PreTrainedTokenizerBase,
        preprocessing: PreprocessingConfig,
        show_progress: bool,
    ):
        """Read and preprocess train and dev, and say what is left out, cut off and unknown.

        Raises:
            AtlopError: A file is not as it should be, has documents without labels, or relations that are not known.
        """
        self._config = config
        how: dict[str, Any] = {"tokenizer": tokenizer, "preprocessing": preprocessing, "show_progress": show_progress}
        train_file, dev_file = (
            CorpusFile(path, format=config.format, invalid=config.invalid) for path in (config.train, config.dev)
        )
        dev = dev_file.read()
        self.dev_documents = dev.documents
        given = config.train_facts
        self._train_facts = None if given is None else self._read_facts(given, invalid="strict")
        dev_features = _preprocessed(dev, file=dev_file, **how)
        train = _preprocessed(train_file, file=train_file, **how)
        log_issues(config.train, documents=len(train), issues=train.contents.issues)
        self.vocabulary = read_vocabulary(
            config.relations, names=config.relation_names, relations=train.contents.relations
        )
        check_relations(
            config.train,
            relations=train.relations,
            vocabulary=self.vocabulary,
            skipped=bool(train.contents.issues.skipped),
        )
        self.train = Split(config.train, train_file.sha256, train.with_vocabulary(self.vocabulary))
        self.dev = Split(config.dev, dev_file.sha256, dev_features.with_vocabulary(self.vocabulary))
        for split in (self.train, self.dev):
            _log_truncation(split)

    @cached_property
    def train_facts(self) -> frozenset[NameTriple]:
        """Those of dev's facts that training has seen, which Ign F1 leaves out; read when they are first asked for.

        Raises:
            AtlopError: The train file has changed since.
        """
        if self._train_facts is not None:
            return self._train_facts
        return self._read_facts(self._config.train, invalid=self._config.invalid)

    def sha256_of_files(self) -> dict[str, str]:
        """Return the sha256 of every file that the run reads, by path."""
        config = self._config
        others = [path for path in (config.train_facts, config.relations, config.relation_names) if path is not None]
        return {**self.train.sha256, **self.dev.sha256, **{str(path): file_sha256(path) for path in others}}

    def _read_facts(self, path: Path, *, invalid: Invalid) -> frozenset[NameTriple]:
        among = {triple for document in self.dev_documents for triple in document.name_triples()}
        return read_train_facts(path, format=self._config.format, invalid=invalid, among=among)


def prefetch(items: Iterable[Item], *, make: Callable[[Item], Output], ahead: int = 2) -> Generator[Output, None, None]:
    """Yield what is made of each item, in their order; the next ones are made meanwhile by a thread.

    Args:
        items: For example steps.
        make: Called in the thread; must not draw random numbers, whose order would depend on time.
        ahead: How many are made ahead.

    Raises:
        Exception: What `make` raised, where its item would have come. Closing the generator ends the thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="feeder") as thread:
        waiting: deque[Future[Output]] = deque()
        try:
            for item in items:
                waiting.append(thread.submit(make, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _preprocessed(
    source: Corpus | CorpusFile, *, file: CorpusFile, show_progress: bool, **how: Any
) -> PreprocessedCorpus:
    corpus = preprocessed_corpus(
        source,
        name=str(file.path),
        identity={"format": file.format, "invalid": file.invalid, "files": ", ".join(file.sha256.values())},
        **how,
        progress=partial(tqdm, desc=f"preprocessing {file.path.name}", unit="document", disable=not show_progress),
    )
    if not corpus or corpus.contents.unlabelled:
        raise AtlopError(f"{file.path}: has documents without labels, or none at all; training needs labelled ones")
    return corpus


def _log_truncation(split: Split) -> None:
    if split.documents.truncation.documents:
        logger.warning("%s: %s", split.path, split.documents.truncation)
    if unknown := split.documents.unknown_facts:
        logger.warning("%s: %d facts have relations that the model does not know and cannot find", split.path, unknown)
