from atlop.preprocessing.batch import Batch, collate
from atlop.preprocessing.corpus import Contents, PreprocessedCorpus
from atlop.preprocessing.documents import Features, Preprocessor, SeenRelations, Truncation
from atlop.preprocessing.pieces import SpecialPieces, load_tokenizer
from atlop.preprocessing.stored import Source, preprocessed_corpus

__all__ = [
    "Batch",
    "Contents",
    "Features",
    "PreprocessedCorpus",
    "Preprocessor",
    "SeenRelations",
    "Source",
    "SpecialPieces",
    "Truncation",
    "collate",
    "load_tokenizer",
    "preprocessed_corpus",
]
