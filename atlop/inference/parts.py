"""Extract a file or folder of any size in parts, so that a run that was killed continues where it stopped.

Document i of the source belongs to part i // `DOCUMENTS_PER_PART`. A part is a file in a hidden folder beside the
output, with a line per document and a last line of counts and of the sha256 of all this. It is written atomically, so
it holds all of its documents or does not exist; a damaged one is made again. Its content depends only on the input, the
model and the settings, which the folder's `manifest.json` records. A later call with the same ones computes only the
missing parts, and refuses the folder otherwise. Processes that were launched together divide the parts by number. When
all parts exist, they are concatenated into the output, which is written atomically too, and the folder is removed. So
no document is lost or written twice, whenever a process dies.
"""

import hashlib
import json
import logging
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby, islice, repeat
from pathlib import Path
from time import monotonic
from typing import Any

from atlop.errors import AtlopError
from atlop.files import (
    hidden_path,
    one_writer,
    read_json,
    read_lines,
    refuse_existing,
    write_text,
)
from atlop.inference.extractor import DOCUMENTS_PER_CHUNK, RelationExtractor
from atlop.inference.facts import ExtractionResult
from atlop.inference.host import Hosting, host_processes
from atlop.inference.inputs import InputDocument
from atlop.inference.sources import Source
from atlop.inference.tables import WRITERS, ExtractionCounts, Writer, output_format
from atlop.json_values import expect, typed
from atlop.parsing import parse_json

logger = logging.getLogger(__name__)

DOCUMENTS_PER_PART = 512
"""After a kill, each process computes at most this many documents again."""


@dataclass(frozen=True, slots=True)
class ExtractionSummary:
    """The results of a file."""

    counts: ExtractionCounts
    computed: int
    """Documents that the main process extracted in this call; other parts existed or were left to other processes."""


def extract_file(
    extractor: RelationExtractor,
    source: Source,
    *,
    output: Path,
    group_by: str | None = None,
    explain: bool = False,
    progress: Callable[[Iterable[None]], Iterable[None]] = iter,
) -> ExtractionSummary | None:
    """Extract the facts of every document of a source, and continue after a kill.

    Args:
        extractor: The model.
        source: The documents.
        output: File to write: `.jsonl` (a line per document), `.csv` or `.parquet` (a row per fact).
        group_by: Key by which ungrouped mentions are grouped; by default by identical text.
        explain: Whether to add the words that the model read for each fact.
        progress: Wraps the iterator over documents, for example `tqdm`.

    Returns:
        A summary in the main process, `None` in the others.

    Raises:
        AtlopError: The output's format is unknown, the output exists, the input cannot be read, or the folder of parts
            was made from another input, model or settings; or another process writes the output.
    """
    write = WRITERS[output_format(output)]
    with one_writer(output, by_this_process=extractor.accelerator.is_main_process):
        parts = _PartFolder(hidden_path(output, suffix=".parts"))
        if extractor.accelerator.is_main_process and output.exists():  # killed after it was written
            shutil.rmtree(parts.folder, ignore_errors=True)
        refuse_existing(output)
        return _extract(
            extractor, source, write, parts=parts, output=output, group_by=group_by, explain=explain, progress=progress
        )


def _extract(
    extractor: RelationExtractor,
    source: Source,
    write: Writer,
    *,
    parts: "_PartFolder",
    output: Path,
    group_by: str | None,
    explain: bool,
    progress: Callable[[Iterable[None]], Iterable[None]],
) -> ExtractionSummary | None:
    accelerator = extractor.accelerator
    settings = {
        "input_sha256": source.sha256(),
        "model_sha256": extractor.fingerprint,
        "precision": extractor.precision,
        "group_by": group_by,
        "explain": explain,
        "ner": extractor.recognition and extractor.recognition.name,
        "documents_per_part": DOCUMENTS_PER_PART,
        "part_format": "lines, counts and sha256",
    }
    if accelerator.is_main_process:
        parts.begin(settings)
    accelerator.wait_for_everyone()
    parts.check(settings, source=source, output=output)
    processes = host_processes(
        accelerator.device,
        is_recognising=extractor.recognition is not None,
        has_one_chunk=sum(1 for _ in islice(source.documents(), DOCUMENTS_PER_CHUNK + 1)) <= DOCUMENTS_PER_CHUNK,
    )
    with extractor.hosting(explain=explain, processes=processes) as hosting:
        writing = _write_parts(extractor, parts, source=source, hosting=hosting, group_by=group_by, explain=explain)
        started = monotonic()
        computed = sum(1 for _ in progress(writing))
        extractor.fusion_cost.log(seconds=monotonic() - started)
        accelerator.wait_for_everyone()
        if not accelerator.is_main_process:
            return None
        counts = ExtractionCounts()
        write(output, lines=parts.lines(counts), apply=hosting.map)
    shutil.rmtree(parts.folder)
    return ExtractionSummary(counts, computed)


@dataclass(frozen=True)
class _LastLine:
    """The last line of a part."""

    counts: ExtractionCounts
    sha256: str
    """Of the other lines, and of the counts."""


def _last_line(counts: ExtractionCounts, *, digest: "hashlib._Hash") -> _LastLine:
    digest.update(json.dumps(asdict(counts)).encode())
    return _LastLine(counts, digest.hexdigest())


class _PartFolder:
    def __init__(self, folder: Path):
        self.folder = folder
        self._manifest = folder / "manifest.json"
        self.count = 0
        """Parts of the file, including those of other processes; known after `_write_parts`."""

    def begin(self, settings: dict[str, Any]) -> None:
        """Create the folder, unless a complete one exists."""
        if not self._manifest.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            write_text(self._manifest, json.dumps(settings, indent=2) + "\n")

    def check(self, settings: dict[str, Any], *, source: Source, output: Path) -> None:
        """Refuse parts that were made from another input, model or settings."""
        found: dict[str, Any] = expect(read_json(self._manifest), dict, where=str(self._manifest))
        if different := [key for key, value in settings.items() if found.get(key) != value]:
            raise AtlopError(
                f"{self.folder}: holds parts of {output.name} with another {' and '.join(different)} "
                f"than now for {source.name or source.path}; repeat the command that began it, remove the folder, or "
                "give another --output"
            )

    def path(self, part: int) -> Path:
        return self.folder / f"part-{part:08}.jsonl"

    def lines(self, counts: ExtractionCounts) -> Iterator[bytes]:
        """Yield the lines of all documents in order, and add up the counts of the parts."""
        parts = [self.path(part) for part in range(self.count)]
        if missing := next((part for part in parts if not part.exists()), None):
            raise AtlopError(
                f"{missing}: is missing although every process has ended; processes on several machines "
                "need an output folder that all of them share"
            )
        for part in parts:
            counts.add(_read_counts(part))
            latest = b""
            for line in read_lines(part):
                if latest:
                    yield latest
                latest = line


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


def _is_whole(part: Path) -> bool:
    if not part.exists():
        return False
    try:
        _read_counts(part)
    except AtlopError as error:
        logger.warning("%s: damaged, so it is made again (%s)", part, error)
        return False
    return True


def _write_parts(
    extractor: RelationExtractor,
    parts: _PartFolder,
    *,
    source: Source,
    hosting: Hosting,
    group_by: str | None,
    explain: bool,
) -> Iterator[None]:
    """Write the missing parts of this process, and yield after each document."""
    accelerator = extractor.accelerator
    reading: deque[tuple[Path, bool]] = deque()  # part of each chunk that is not done, and whether it is its last one

    def chunks() -> Iterator[list[InputDocument]]:
        for part, items in groupby(source.documents(), key=lambda item: item.index // DOCUMENTS_PER_PART):
            parts.count = part + 1
            target = parts.path(part)
            if part % accelerator.num_processes != accelerator.process_index or _is_whole(target):
                continue
            inputs = list(items)
            for stop in range(DOCUMENTS_PER_CHUNK, len(inputs) + DOCUMENTS_PER_CHUNK, DOCUMENTS_PER_CHUNK):
                reading.append((target, stop >= len(inputs)))
                yield inputs[stop - DOCUMENTS_PER_CHUNK : stop]

    done = extractor.in_chunks(chunks(), hosting=hosting, finish=_as_lines, group_by=group_by, explain=explain)
    text, counts = "", ExtractionCounts()
    for lines, chunk_counts in done:
        text += lines
        counts.add(chunk_counts)
        yield from repeat(None, chunk_counts.documents)
        target, is_last = reading.popleft()
        if is_last:
            last = _last_line(counts, digest=hashlib.sha256(text.encode()))
            write_text(target, text + json.dumps(asdict(last), ensure_ascii=False) + "\n")
            text, counts = "", ExtractionCounts()


def _as_lines(results: list[ExtractionResult]) -> tuple[str, ExtractionCounts]:
    """Return a line per document, and counts."""
    counts = ExtractionCounts()
    for result in results:
        counts.add(ExtractionCounts.from_result(result))
    return "".join(json.dumps(result.as_json(), ensure_ascii=False) + "\n" for result in results), counts
