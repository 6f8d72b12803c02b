"""Document-level relation extraction with adaptive thresholding and localized context pooling."""

__version__ = "0.1.0"
