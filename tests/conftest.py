import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

settings.register_profile(  # the same examples each time: scripts/damage.py is what looks for new ones
    "base", deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
settings.register_profile("few", settings.get_profile("base"), max_examples=10)
settings.register_profile("full", settings.get_profile("base"), max_examples=250, print_blob=True)
settings.load_profile("few")


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Escape halves of surrogate pairs, which tests log and print, in what a worker sends: it can send UTF-8 alone."""
    return escaped((yield))


def escaped(value: Any) -> Any:
    """Return the lists and dicts of a report with every text as one that UTF-8 can write."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {escaped(key): escaped(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(escaped, value))
    return value


@pytest.fixture(scope="session", autouse=True)
def encoded_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of preprocessed corpora, of all tests together and of nobody else; child processes have it too."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("preprocessed")
        patch.setenv("ATLOP_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of the golden values."""
    return Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real corpora; they are not part of the repository."""
    folder = os.environ.get("ATLOP_DATA")
    if not folder:
        pytest.skip(
            "needs real corpora: set ATLOP_DATA to the folder that holds docred/, redocred/, cdr/, gda/, biored/ and "
            "dwie/"
        )
    return Path(folder)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random BERT of two narrow layers, with the golden tokenizer."""
    from tests.tiny_encoders import save_tiny_encoder  # imports transformers, which few tests need

    return Path(save_tiny_encoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden documents that fit one window."""
    from tests.golden_values import write_short_documents  # imports transformers, which few tests need

    return write_short_documents(tmp_path_factory.mktemp("corpus") / "documents.json")


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs a browser: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()
