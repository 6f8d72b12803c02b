from atlop.encoding.batch import Batch, collate
from atlop.encoding.corpus import Contents, EncodedCorpus
from atlop.encoding.documents import DocumentEncoder, EncodedDocument, SeenRelations, Truncation
from atlop.encoding.pieces import SpecialPieces, load_tokenizer
from atlop.encoding.stored import Source, encoded_corpus

__all__ = [
    "Batch",
    "Contents",
    "DocumentEncoder",
    "EncodedCorpus",
    "EncodedDocument",
    "SeenRelations",
    "Source",
    "SpecialPieces",
    "Truncation",
    "collate",
    "encoded_corpus",
    "load_tokenizer",
]
