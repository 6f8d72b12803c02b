"""A run -> pictures to look at. Needs matplotlib, the extra `report`."""

from atlop.report.decisions import margin_picture, precision_recall_picture, relation_picture
from atlop.report.drawing import save
from atlop.report.learning import learning_picture, read_metrics
from atlop.report.margins import MarginCounter, MarginHistogram, precision_recall

__all__ = [
    "MarginCounter",
    "MarginHistogram",
    "learning_picture",
    "margin_picture",
    "precision_recall",
    "precision_recall_picture",
    "read_metrics",
    "relation_picture",
    "save",
]
