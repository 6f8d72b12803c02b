"""Pictures and an HTML page about a run. Needs matplotlib and jinja2 (the extra `report`)."""

from atlop.report.analysis import AnalysisCollector, DocumentAnalysis
from atlop.report.contents import ScoredResult, contents
from atlop.report.curves import CurvePoint, curve_picture
from atlop.report.decisions import margin_picture, precision_recall_picture, relation_picture
from atlop.report.drawing import save
from atlop.report.learning import learning_picture
from atlop.report.margins import MarginCounter, MarginHistogram, precision_recall
from atlop.report.pictures import draw_decisions, draw_training, save_pictures
from atlop.report.rendering import render_report
from atlop.report.report import make_report
from atlop.report.suspects import render_suspects

__all__ = [
    "AnalysisCollector",
    "CurvePoint",
    "DocumentAnalysis",
    "MarginCounter",
    "MarginHistogram",
    "ScoredResult",
    "contents",
    "curve_picture",
    "draw_decisions",
    "draw_training",
    "learning_picture",
    "make_report",
    "margin_picture",
    "precision_recall",
    "precision_recall_picture",
    "relation_picture",
    "render_report",
    "render_suspects",
    "save",
    "save_pictures",
]
