"""Files on disk -> `Document`."""

from atlop.corpora.corpus import CORPORA, Corpus, CorpusFile, read_corpus
from atlop.corpora.findings import Findings, Reader, log_findings
from atlop.corpora.losses import Loss, Losses, Writer
from atlop.corpora.recognition import LAYOUTS, SUBMISSION, layout_of
from atlop.corpora.relations import check_relations, read_train_facts, read_vocabulary, relations_of
from atlop.corpora.statistics import CorpusStatistics, statistics_of
from atlop.corpora.writers import WRITERS

__all__ = [
    "CORPORA",
    "LAYOUTS",
    "SUBMISSION",
    "WRITERS",
    "Corpus",
    "CorpusFile",
    "CorpusStatistics",
    "Findings",
    "Loss",
    "Losses",
    "Reader",
    "Writer",
    "check_relations",
    "layout_of",
    "log_findings",
    "read_corpus",
    "read_train_facts",
    "read_vocabulary",
    "relations_of",
    "statistics_of",
]
