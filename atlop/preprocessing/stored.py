"""A corpus on its way from documents to the preprocessed corpus that is kept on disk."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from atlop.config import PreprocessingConfig
from atlop.preprocessing.cache import cached
from atlop.preprocessing.corpus import Contents, PreprocessedCorpus
from atlop.preprocessing.documents import GrowingVocabulary, Preprocessor
from atlop.preprocessing.identity import code_sha256, tokenizer_sha256
from atlop.preprocessing.table import write_table
from atlop.schema import CorpusIssues, Document


class Source(Protocol):
    """Documents that can be gone through more than once; after a pass it says what was odd."""

    def __iter__(self) -> Iterator[Document]:
        """Yield every document."""
        ...

    @property
    def issues(self) -> CorpusIssues:
        """What the pass met besides valid documents."""
        ...


def preprocessed_corpus(
    source: Source,
    *,
    name: str,
    identity: Mapping[str, str],
    tokenizer: PreTrainedTokenizerBase,
    preprocessing: PreprocessingConfig,
    progress: Callable[[Iterable[Document]], Iterable[Document]] = iter,
) -> PreprocessedCorpus:
    """Preprocess a corpus, or read it from disk where it was preprocessed before; no document is kept.

    Args:
        source: The documents; they are looked at only where the corpus has to be preprocessed.
        name: What the corpus is called in messages.
        identity: What says which documents these are, for example the sha256 of the file and how it is read.
        tokenizer: Cuts words into tokens.
        preprocessing: How documents become tokens.
        progress: Shows how far preprocessing is.

    Raises:
        AtlopError: The documents cannot be read, or the tokenizer has no token for `*`.
    """

    def build(sink: pa.NativeFile) -> Contents:
        relations, types = GrowingVocabulary(), GrowingVocabulary()
        preprocessor = Preprocessor.from_config(preprocessing, tokenizer=tokenizer, vocabulary=relations, types=types)
        labelled: list[bool] = []
        write_table(sink, preprocessor.preprocess(_noting_labels(progress(source), labelled)))
        return Contents(tuple(relations), tuple(types), labelled.count(False), source.issues)

    key = {
        **identity,
        **preprocessing.model_dump(mode="json", exclude={"window"}),  # which decides on batches, not on features
        "tokenizer": tokenizer_sha256(tokenizer),
        "code": code_sha256(),
    }
    return cached(key, name=name, build=build)


def _noting_labels(documents: Iterable[Document], labelled: list[bool]) -> Iterator[Document]:
    for document in documents:
        labelled.append(document.facts is not None)
        yield document
