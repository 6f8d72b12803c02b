"""The parts of an extraction on disk: each whole or not there, so that what is left can be done at any time by anyone.

A part is a file in a hidden folder beside the output, with a line per document and a last line of counts and of the
sha256 of all this. It is written atomically, so it holds all of its documents or does not exist; a damaged one is made
again. Its content depends on the input, the model, the code, the recogniser and the settings, which the folder's
`manifest.json` records; last digits also depend on the device and the number of threads, which it does not.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from atlop.errors import AtlopError
from atlop.files import address, exists, read_json, read_lines, remove_folder, write_text
from atlop.inference.facts import ExtractionResult
from atlop.inference.tables import ExtractionCounts
from atlop.json_values import expect, typed
from atlop.parsing import parse_json

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _LastLine:
    """The last line of a part."""

    counts: ExtractionCounts
    sha256: str
    """Of the other lines, and of the counts."""


def _last_line(counts: ExtractionCounts, *, digest: "hashlib._Hash") -> _LastLine:
    digest.update(json.dumps(asdict(counts)).encode())
    return _LastLine(counts, digest.hexdigest())


def as_lines(results: Sequence[ExtractionResult]) -> tuple[str, ExtractionCounts]:
    """Return a line per document, and counts."""
    counts = ExtractionCounts()
    for result in results:
        counts.add(ExtractionCounts.from_result(result))
    return "".join(json.dumps(result.as_json(), ensure_ascii=False) + "\n" for result in results), counts


class PartFolder:
    """The folder of the parts of one output."""

    def __init__(self, folder: Path):
        """Take the folder, which `begin` creates."""
        self.folder = folder
        self._manifest = folder / "manifest.json"
        self.count = 0
        """Parts of the source, including those of other processes; known once the source was read."""

    def begin(self, settings: dict[str, Any]) -> None:
        """Create the folder, unless a complete one exists."""
        if not exists(self._manifest):
            remove_folder(self.folder)
            write_text(self._manifest, json.dumps(settings, indent=2) + "\n")

    def check(self, settings: dict[str, Any], *, source: str, output: Path) -> None:
        """Refuse parts that were made from another input, model, code, recogniser or settings.

        Raises:
            AtlopError: They were; `source` and `output` name the input and the output of this call.
        """
        found: dict[str, Any] = expect(read_json(self._manifest), dict, where=str(self._manifest))
        if different := [key for key, value in settings.items() if found.get(key) != value]:
            raise AtlopError(
                f"{address(self.folder)}: holds parts of {output.name} with another {' and '.join(different)} "
                f"than now for {source}; repeat the command that began it, remove the folder, or give another --output"
            )

    def remove(self) -> None:
        """Remove the folder and all parts."""
        remove_folder(self.folder)

    def write(self, part: int, lines: str, counts: ExtractionCounts) -> None:
        """Write a part from the lines of all its documents, atomically."""
        last = _last_line(counts, digest=hashlib.sha256(lines.encode()))
        write_text(self._path(part), lines + json.dumps(asdict(last), ensure_ascii=False) + "\n")

    def is_whole(self, part: int) -> bool:
        """Whether a part exists; a damaged one does not count, and is logged."""
        path = self._path(part)
        if not exists(path):
            return False
        try:
            _read_counts(path)
        except AtlopError as error:
            logger.warning("%s: damaged, so it is made again (%s)", address(path), error)
            return False
        return True

    def lines(self, counts: ExtractionCounts) -> Iterator[bytes]:
        """Yield the lines of all documents in order, and add up the counts of the parts.

        Raises:
            AtlopError: A part is missing or damaged.
        """
        parts = [self._path(part) for part in range(self.count)]
        if missing := next((part for part in parts if not exists(part)), None):
            raise AtlopError(
                f"{address(missing)}: is missing although every process has ended; processes on several machines "
                "need an output folder that all of them share"
            )
        for part in parts:
            counts.add(_read_counts(part))
            latest = b""
            for line in read_lines(part):
                if latest:
                    yield latest
                latest = line

    def _path(self, part: int) -> Path:
        return self.folder / f"part-{part:08}.jsonl"


def _read_counts(part: Path) -> ExtractionCounts:
    """Return the counts of a part.

    Raises:
        AtlopError: The part is damaged.
    """
    digest, latest = hashlib.sha256(), b""
    for line in read_lines(part):
        digest.update(latest)
        latest = line
    advice = "repeat the command, which makes this part again"
    last = typed(parse_json(latest, where=str(part)), _LastLine, where=f"{part}, last line", advice=advice)
    if last != _last_line(last.counts, digest=digest):
        raise AtlopError(f"{part}: does not match its sha256; {advice}")
    return last.counts
