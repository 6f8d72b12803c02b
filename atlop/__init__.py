"""Document-level relation extraction with adaptive thresholding and localized context pooling."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlop.inference import RelationExtractor

__version__ = "0.1.0"
__all__ = ["RelationExtractor", "__version__"]


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is first asked for."""
    if name == "RelationExtractor":
        from atlop.inference import RelationExtractor

        return RelationExtractor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
