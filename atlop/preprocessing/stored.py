"""Documents to a preprocessed corpus on disk."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from atlop.config import PreprocessingConfig
from atlop.preprocessing.cache import cached
from atlop.preprocessing.corpus import CorpusMetadata, PreprocessedCorpus
from atlop.preprocessing.evidence import with_rule_evidence
from atlop.preprocessing.identity import preprocessing_sha256, tokenizer_sha256
from atlop.preprocessing.preprocessor import Preprocessor
from atlop.preprocessing.table import write_table
from atlop.preprocessing.vocabularies import GrowingVocabulary
from atlop.schema import CorpusIssues, Document


class DocumentStream(Protocol):
    """Documents that can be iterated over more than once."""

    def __iter__(self) -> Iterator[Document]:
        """Yield all documents."""
        ...

    @property
    def issues(self) -> CorpusIssues:
        """Issues that the last complete iteration met."""
        ...


def preprocessed_corpus(
    documents: DocumentStream,
    *,
    name: str,
    identity: Mapping[str, str],
    tokenizer: PreTrainedTokenizerBase,
    preprocessing: PreprocessingConfig,
    evidence_by_rule: bool = False,
    progress: Callable[[Iterable[Document]], Iterable[Document]] = iter,
) -> PreprocessedCorpus:
    """Preprocess a corpus, or read it from the cache if it was preprocessed before.

    Args:
        documents: The documents; read only if they are not in the cache.
        name: Name of the corpus in messages.
        identity: What identifies the documents, for example the sha256 of the file and how it is read.
        tokenizer: The encoder's tokenizer.
        preprocessing: How documents become features.
        evidence_by_rule: Whether facts have the evidence of `with_rule_evidence` instead of their own.
        progress: Wraps the documents to show progress.

    Raises:
        AtlopError: The documents cannot be read, or the tokenizer has no token for `*`.
    """

    def build(sink: pa.NativeFile) -> CorpusMetadata:
        relations, types = GrowingVocabulary(), GrowingVocabulary()
        preprocessor = Preprocessor.from_config(preprocessing, tokenizer=tokenizer, vocabulary=relations, types=types)
        labelled: list[bool] = []
        texts: list[str] = []

        def recorded() -> Iterator[Document]:
            for document in progress(documents):
                labelled.append(document.facts is not None)
                if document.words:
                    texts.append(document.text_digest())
                yield with_rule_evidence(document) if evidence_by_rule else document

        write_table(sink, preprocessor.preprocess(recorded()))
        unlabelled = labelled.count(False)
        return CorpusMetadata(tuple(relations), tuple(types), unlabelled, documents.issues, "".join(texts))

    key = {
        **identity,
        **preprocessing.model_dump(mode="json", exclude={"window"}),  # affects batches, not features
        "evidence": "rule" if evidence_by_rule else "annotated",
        "tokenizer": tokenizer_sha256(tokenizer),
        "code": preprocessing_sha256(),
    }
    return cached(key, name=name, tokens=1 + max(tokenizer.get_vocab().values()), build=build)
