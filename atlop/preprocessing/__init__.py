from atlop.preprocessing.batch import Batch, collate
from atlop.preprocessing.corpus import Contents, PreprocessedCorpus
from atlop.preprocessing.documents import Features, GrowingVocabulary, Preprocessor, Truncation
from atlop.preprocessing.group import Group
from atlop.preprocessing.parts import Block
from atlop.preprocessing.stored import Source, preprocessed_corpus
from atlop.preprocessing.tokens import SpecialTokens, load_tokenizer
from atlop.preprocessing.windows import Windowing

__all__ = [
    "Batch",
    "Block",
    "Contents",
    "Features",
    "Group",
    "GrowingVocabulary",
    "PreprocessedCorpus",
    "Preprocessor",
    "Source",
    "SpecialTokens",
    "Truncation",
    "Windowing",
    "collate",
    "load_tokenizer",
    "preprocessed_corpus",
]
