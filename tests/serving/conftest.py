from tests.inference.conftest import extractor, model_folder

__all__ = ["extractor", "model_folder"]
