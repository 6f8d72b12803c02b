"""Where an extraction takes its documents from: JSON lines, a text, or a folder of texts."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from atlop.errors import AtlopError
from atlop.files import file_sha256, read_lines
from atlop.inference.inputs import InputDocument

TEXT_SUFFIX = ".txt"
"""End of the names of files that are a document each; other files are JSON lines."""


@dataclass(frozen=True)
class Source:
    """A file of JSON lines, a text file, or a folder of text files, at any depth, in the order of their paths."""

    path: Path
    name: str = ""
    """What messages call a file; by default its path."""

    @property
    def is_text(self) -> bool:
        """Whether its documents are texts alone."""
        return self.path.is_dir() or self.path.suffix == TEXT_SUFFIX

    @cached_property
    def _texts(self) -> list[Path]:
        if not self.path.is_dir():
            return [self.path]
        texts = sorted(path for path in self.path.rglob(f"*{TEXT_SUFFIX}") if path.is_file())
        if not texts:
            raise AtlopError(f"{self.path}: is a folder without {TEXT_SUFFIX} files; expected one text a file")
        return texts

    def sha256(self) -> str:
        """Return the hexadecimal sha256 of the file, or of the names and bytes of the folder's texts.

        Raises:
            AtlopError: A file cannot be read, or the folder has no text.
        """
        if not self.path.is_dir():
            return file_sha256(self.path)
        digest = hashlib.sha256()
        for path in self._texts:
            digest.update(
                f"{path.relative_to(self.path).as_posix()}\0{file_sha256(path)}\n".encode("utf-8", "surrogateescape")
            )
        return digest.hexdigest()

    def documents(self) -> Iterator[InputDocument]:
        """Yield the documents; blank lines are none.

        Raises:
            AtlopError: The file of JSON lines cannot be read, or the folder has no text.
        """
        if self.is_text:
            for index, path in enumerate(self._texts):
                title = path.relative_to(self.path if self.path.is_dir() else path.parent).with_suffix("").as_posix()
                yield InputDocument(index, self.name or str(path), title, path)
            return
        lines = (item for item in enumerate(read_lines(self.path), start=1) if not item[1].isspace())
        for index, (number, line) in enumerate(lines):
            yield InputDocument(index, f"{self.name or self.path}, line {number}", f"line {number}", line)
