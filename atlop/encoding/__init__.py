from atlop.encoding.batch import Batch, collate
from atlop.encoding.documents import DocumentEncoder, EncodedDocument, Truncation
from atlop.encoding.pieces import SpecialPieces

__all__ = ["Batch", "DocumentEncoder", "EncodedDocument", "SpecialPieces", "Truncation", "collate"]
