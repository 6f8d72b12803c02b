"""One word for one thing: code, messages and documentation keep to `docs/glossary.md`."""

import io
import re
import tokenize
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.documentation import PAGES, ROOT

GLOSSARY = ROOT / "docs" / "glossary.md"
FILES = sorted(path for kind in ("py", "js", "html") for path in (ROOT / "atlop").rglob(f"*.{kind}"))

WORDS = {
    r"pieces?": "token",
    r"updat(e|es|ed|ing)": "step",
    r"laid|end to end": "packed",
    r"shar(e|es|ed|ing) out": "sharded",
    r"layouts?": "format (of a file)",
    r"(encodings?|document encoder|encoded (document|corpus))": "preprocessing, Features",
    r"rooms?": "buffer (of memory), package (of code)",
    r"oddit(y|ies)|findings?": "issues",
    r"informed": "what it depends on",
    r"(head|tail) (entity|entities|mentions?)": "subject, object",
    r"lone mentions?": "ungrouped mention",
    r"no relation class|na class|threshold relation": "TH, the threshold class",
}
"""Words that are not said, in text or in identifiers, and what is said instead."""

NAMES = {
    r"of( .*)?": "a noun first: document_scores, not of_document",
    r"to (x|input|weight|bias|hidden|query|key|value|scores?|left|right)": "grad_x",
    r"most( (?!common|frequent).*)?": "max_x",
    r"beside|said|asked|wanted": "what the value is",
    r"places?": "index, position, offset, path or folder",
}
"""Whole identifiers that are not used, and what is used instead."""


class AllowedUse(NamedTuple):
    """A use that is right."""

    files: str
    """Pattern of paths below the root."""
    text: str
    """Regular expression of the use, around the word."""
    reason: str


EXCEPTIONS = (
    AllowedUse("*", r"\w*(end[-_]to[-_]end|End-to-end|EndToEnd)", "from text to facts, as the field calls its scores"),
    AllowedUse("atlop/*.py", r"\.update\(", "the method of dict, set, Counter, hashlib and tqdm"),
    AllowedUse("atlop/*.py", r"model_copy\(\s*update=", "pydantic's name"),
    AllowedUse("*", r"encoding=|Accept-Encoding", "how bytes are text"),
    AllowedUse("atlop/corpora/*.py", r"fix the encoding", "how bytes are text"),
    AllowedUse("atlop/corpora/formats/labelstudio/*.py", r'"updated_at"', "Label Studio's name"),
    AllowedUse("docs/extending.md", r"indices and encodings", "how bytes are text"),
    AllowedUse("atlop/config_files.py", r'Config, "(encoding|layout|max_skipped_updates)"', "keys of version 0.1"),
    AllowedUse("atlop/cli/*.py", r"--layout", "an option of version 0.1"),
    AllowedUse("atlop/report/drawing.py", r'layout="constrained"', "matplotlib's name"),
    AllowedUse("atlop/inference/graph/drawing.py", r"nx\.spring_layout", "networkx's name"),
    AllowedUse("docs/glossary.md", r"\| layout \| of a tensor", "the glossary's own entry"),
    AllowedUse("atlop/model_folder/released.py", r"value\.layout", "layout of a tensor in memory"),
    AllowedUse("atlop/objectives/*.py", r"Findings\s+of", "name of a conference's volume"),
    AllowedUse("atlop/schema.py", r"a finding of the document", "BioRED's word for what a document reports"),
)


class Passage(NamedTuple):
    """A stretch of a file."""

    start: int
    """Its first character."""
    text: str
    is_name: bool


def passages(path: Path, text: str) -> Iterator[Passage]:
    """Yield identifiers, comments and strings of Python; other files as a whole."""
    if path.suffix != ".py":
        yield Passage(0, without_glossary(text) if path == GLOSSARY else text, is_name=False)
        return
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        start = starts[token.start[0] - 1] + token.start[1]
        if token.type == tokenize.NAME:
            yield Passage(start, token.string, is_name=True)
        elif token.type == tokenize.COMMENT or tokenize.tok_name[token.type] in {"STRING", "FSTRING_MIDDLE"}:
            yield Passage(start, token.string, is_name=False)


def without_glossary(text: str) -> str:
    """Blank the last column of the glossary, the words that are not said."""
    return re.sub(r"(?<=\| )[^|\n]*(?= \|$)", lambda match: " " * len(match[0]), text, flags=re.MULTILINE)


def uses(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield start, word and replacement of each use of a word that is not said, exceptions included."""
    for start, text, is_name in passages(path, path.read_text(encoding="utf-8")):
        if is_name:
            words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_+", " ", text).strip().lower()
            for pattern, replacement in WORDS.items():
                if re.search(rf"\b({pattern})\b", words):
                    yield start, text, replacement
            for pattern, replacement in NAMES.items():
                if re.fullmatch(pattern, words):
                    yield start, text, replacement
        else:
            for pattern, replacement in WORDS.items():
                spaced = pattern.replace(" ", r"[\s\-_]+")
                for match in re.finditer(rf"(?<![^\W_])({spaced})(?![^\W_])", text, re.IGNORECASE):
                    yield start + match.start(), match[0], replacement


def allowed(path: Path) -> list[range]:
    """Return the characters of a file in which words are right."""
    text = path.read_text(encoding="utf-8")
    return [
        range(*match.span())
        for exception in EXCEPTIONS
        if fnmatch(str(path.relative_to(ROOT)), exception.files)
        for match in re.finditer(exception.text, text)
    ]


@pytest.mark.parametrize("path", [*FILES, *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_words_are_those_of_the_glossary(path: Path) -> None:
    exceptions = allowed(path)
    text = path.read_text(encoding="utf-8")

    found = [
        f'{path.relative_to(ROOT)}:{text.count(chr(10), 0, start) + 1}: "{word}"; say: {replacement}'
        for start, word, replacement in uses(path)
        if not any(start in span for span in exceptions)
    ]

    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("exception", EXCEPTIONS, ids=lambda exception: exception.text)
def test_every_exception_is_used(exception: AllowedUse) -> None:
    paths = [path for path in (*FILES, *PAGES) if fnmatch(str(path.relative_to(ROOT)), exception.files)]

    assert any(re.search(exception.text, path.read_text(encoding="utf-8")) for path in paths)
