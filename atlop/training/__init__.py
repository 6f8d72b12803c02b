from atlop.training.build import Training, build_training
from atlop.training.trainer import train

__all__ = ["Training", "build_training", "train"]
