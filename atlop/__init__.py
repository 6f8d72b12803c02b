"""Document-level relation extraction with adaptive thresholding and localized context pooling."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlop.calibration import calibrate
    from atlop.checking import check
    from atlop.converting import convert
    from atlop.inference import RelationExtractor
    from atlop.model import AtlopModel
    from atlop.schema import Document
    from atlop.scoring import compare, evaluate
    from atlop.training import train

__version__ = "0.2.0"
__all__ = [
    "AtlopModel",
    "Document",
    "RelationExtractor",
    "__version__",
    "calibrate",
    "check",
    "compare",
    "convert",
    "evaluate",
    "train",
]

_MODULES = {
    "AtlopModel": "atlop.model",
    "Document": "atlop.schema",
    "RelationExtractor": "atlop.inference",
    "calibrate": "atlop.calibration",
    "check": "atlop.checking",
    "compare": "atlop.scoring",
    "convert": "atlop.converting",
    "evaluate": "atlop.scoring",
    "train": "atlop.training",
}


def __getattr__(name: str) -> Any:
    """Import a name on first use: most need torch, which takes seconds to import."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
