from atlop.training.run import train

__all__ = ["train"]
