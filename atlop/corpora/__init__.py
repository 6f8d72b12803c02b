"""Files on disk -> `Document`."""

from atlop.corpora.corpus import Corpus, CorpusFile, read_corpus
from atlop.corpora.formats import CORPORA
from atlop.corpora.issues import IssueCollector, Reader, log_issues
from atlop.corpora.json_lines import document_of
from atlop.corpora.labelled import TrainFacts, read_labelled, read_train
from atlop.corpora.losses import Loss, Losses, Writer
from atlop.corpora.pubtator_scheme import SCHEME_PREFIX
from atlop.corpora.recognition import FORMATS, SUBMISSION, format_of
from atlop.corpora.relations import RelationCounter, check_relations, read_train_facts, read_vocabulary, relation_counts
from atlop.corpora.statistics import CorpusStatistics, corpus_statistics
from atlop.corpora.writers import WRITERS, find_writer

__all__ = [
    "CORPORA",
    "FORMATS",
    "SCHEME_PREFIX",
    "SUBMISSION",
    "WRITERS",
    "Corpus",
    "CorpusFile",
    "CorpusStatistics",
    "IssueCollector",
    "Loss",
    "Losses",
    "Reader",
    "RelationCounter",
    "TrainFacts",
    "Writer",
    "check_relations",
    "corpus_statistics",
    "document_of",
    "find_writer",
    "format_of",
    "log_issues",
    "read_corpus",
    "read_labelled",
    "read_train",
    "read_train_facts",
    "read_vocabulary",
    "relation_counts",
]
