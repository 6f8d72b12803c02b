import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of the golden values."""
    return Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real corpora; they are not part of the repository."""
    folder = os.environ.get("ATLOP_DATA")
    if not folder:
        pytest.skip("needs real corpora: set ATLOP_DATA to the folder that holds docred/, redocred/ and dwie/")
    return Path(folder)
