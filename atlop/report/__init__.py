"""A run -> pictures and a page to look at. Needs matplotlib and jinja2, the extra `report`."""

from atlop.report.contents import Result, contents
from atlop.report.decisions import margin_picture, precision_recall_picture, relation_picture
from atlop.report.drawing import save, svg_of
from atlop.report.learning import learning_picture, read_metrics
from atlop.report.margins import MarginCounter, MarginHistogram, precision_recall
from atlop.report.reading import Reader, Reading
from atlop.report.rendering import render_report

__all__ = [
    "MarginCounter",
    "MarginHistogram",
    "Reader",
    "Reading",
    "Result",
    "contents",
    "learning_picture",
    "margin_picture",
    "precision_recall",
    "precision_recall_picture",
    "read_metrics",
    "relation_picture",
    "render_report",
    "save",
    "svg_of",
]
