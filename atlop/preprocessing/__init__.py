from atlop.preprocessing.batch import Batch, collate
from atlop.preprocessing.corpus import CorpusMetadata, PreprocessedCorpus
from atlop.preprocessing.features import Features, Truncation
from atlop.preprocessing.group import DocumentGroup
from atlop.preprocessing.pair_blocks import PairBlock
from atlop.preprocessing.preprocessor import GrowingVocabulary, Preprocessor
from atlop.preprocessing.stored import DocumentStream, preprocessed_corpus
from atlop.preprocessing.tokens import SpecialTokens, load_tokenizer
from atlop.preprocessing.windows import Windowing

__all__ = [
    "Batch",
    "CorpusMetadata",
    "DocumentGroup",
    "DocumentStream",
    "Features",
    "GrowingVocabulary",
    "PairBlock",
    "PreprocessedCorpus",
    "Preprocessor",
    "SpecialTokens",
    "Truncation",
    "Windowing",
    "collate",
    "load_tokenizer",
    "preprocessed_corpus",
]
