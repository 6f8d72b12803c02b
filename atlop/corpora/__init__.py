"""Files on disk -> `Document`."""

from atlop.corpora.corpus import CORPORA, Corpus, CorpusFile, read_corpus
from atlop.corpora.findings import Findings, Reader, log_findings
from atlop.corpora.relations import check_relations, read_train_facts, read_vocabulary, relations_of
from atlop.corpora.statistics import CorpusStatistics, statistics_of

__all__ = [
    "CORPORA",
    "Corpus",
    "CorpusFile",
    "CorpusStatistics",
    "Findings",
    "Reader",
    "check_relations",
    "log_findings",
    "read_corpus",
    "read_train_facts",
    "read_vocabulary",
    "relations_of",
    "statistics_of",
]
