from atlop.preprocessing.batch import Batch, copy_to
from atlop.preprocessing.collation import collate
from atlop.preprocessing.corpus import CorpusMetadata, PreprocessedCorpus, count_shared_texts
from atlop.preprocessing.features import Features, Truncation
from atlop.preprocessing.folds import fold_numbers, train_rows
from atlop.preprocessing.group import DocumentGroup
from atlop.preprocessing.margins import FLOOR, MarginsOrigin, MarginStore, TeacherScores, write_margins
from atlop.preprocessing.mixture import Mixture, MixturePart
from atlop.preprocessing.pair_blocks import PairBlock
from atlop.preprocessing.pairs import pairs_to_classify
from atlop.preprocessing.preprocessor import Preprocessor
from atlop.preprocessing.stored import DocumentStream, preprocessed_corpus
from atlop.preprocessing.supervision import Margins, Supervision
from atlop.preprocessing.tokens import SpecialTokens, load_tokenizer
from atlop.preprocessing.vocabularies import GrowingVocabulary, TypeVocabulary
from atlop.preprocessing.windows import Windowing

__all__ = [
    "FLOOR",
    "Batch",
    "CorpusMetadata",
    "DocumentGroup",
    "DocumentStream",
    "Features",
    "GrowingVocabulary",
    "MarginStore",
    "Margins",
    "MarginsOrigin",
    "Mixture",
    "MixturePart",
    "PairBlock",
    "PreprocessedCorpus",
    "Preprocessor",
    "SpecialTokens",
    "Supervision",
    "TeacherScores",
    "Truncation",
    "TypeVocabulary",
    "Windowing",
    "collate",
    "copy_to",
    "count_shared_texts",
    "fold_numbers",
    "load_tokenizer",
    "pairs_to_classify",
    "preprocessed_corpus",
    "train_rows",
    "write_margins",
]
