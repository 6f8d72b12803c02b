"""Corpus files to `Document` and back."""

from atlop.corpora.corpus import Corpus, CorpusFile, NoValidDocumentError, read_corpus
from atlop.corpora.data_files import data_files, download_commands, missing_files, require_files
from atlop.corpora.file_start import FileStart
from atlop.corpora.formats import FORMATS, find_format, find_writer, published_corpora, writable_formats
from atlop.corpora.formats.format import Format, Reader
from atlop.corpora.formats.json_lines.reader import parse_document
from atlop.corpora.formats.pubtator import SCHEME_PREFIX
from atlop.corpora.issues import IssueCollector, log_issues
from atlop.corpora.labelled import TrainFacts, read_labelled, read_train
from atlop.corpora.losses import ConversionLoss, ConversionLosses, Writer
from atlop.corpora.recognition import SUBMISSION, recognise_format
from atlop.corpora.relations import RelationCounter, check_relations, read_train_facts, relation_counts
from atlop.corpora.statistics import CorpusStatistics, corpus_statistics
from atlop.corpora.vocabulary import read_names, read_vocabulary

__all__ = [
    "FORMATS",
    "SCHEME_PREFIX",
    "SUBMISSION",
    "ConversionLoss",
    "ConversionLosses",
    "Corpus",
    "CorpusFile",
    "CorpusStatistics",
    "FileStart",
    "Format",
    "IssueCollector",
    "NoValidDocumentError",
    "Reader",
    "RelationCounter",
    "TrainFacts",
    "Writer",
    "check_relations",
    "corpus_statistics",
    "data_files",
    "download_commands",
    "find_format",
    "find_writer",
    "log_issues",
    "missing_files",
    "parse_document",
    "published_corpora",
    "read_corpus",
    "read_labelled",
    "read_names",
    "read_train",
    "read_train_facts",
    "read_vocabulary",
    "recognise_format",
    "relation_counts",
    "require_files",
    "writable_formats",
]
