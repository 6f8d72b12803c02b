"""Extract a file or folder of any size in parts, so that a run that was killed continues where it stopped.

Document i of the source belongs to part i // `DOCUMENTS_PER_PART`.
A later call with the same input, model, code, recogniser and settings computes only the missing parts; another one is
refused.
Processes that were launched together divide the parts by number; the workers of an engine take them as they come. When
all parts exist, they are concatenated into the output, which is written atomically, and the folder is removed. So no
document is lost or written twice, whenever a process dies.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice, repeat
from pathlib import Path
from time import monotonic
from typing import Protocol

from atlop.environment import code_sha256
from atlop.files import address, exists, hidden_path, is_remote, one_writer, refuse_existing
from atlop.inference.batches import ExtractBatches
from atlop.inference.extractor import DOCUMENTS_PER_CHUNK, RelationExtractor
from atlop.inference.host import Hosting, host_processes
from atlop.inference.inputs import InputDocument
from atlop.inference.part_folder import PartFolder, as_lines
from atlop.inference.sources import Source
from atlop.inference.tables import WRITERS, ExtractionCounts, ExtractionWriter, output_format

DOCUMENTS_PER_PART = 512
"""After a kill, each process computes at most twice as many documents again: a part is made while one is written."""


@dataclass(frozen=True, slots=True)
class ExtractionSummary:
    """The results of a file."""

    counts: ExtractionCounts
    computed: int
    """Documents that the main process, or all workers of an engine, extracted in this call; other parts existed or were
    left to other processes."""


class Engine(Protocol):
    """Has workers compute parts."""

    @property
    def extract(self) -> ExtractBatches:
        """What the workers do, with the settings of the call."""

    def write_parts(self, parts: PartFolder, *, source: Source, documents: int) -> Iterator[None]:
        """Write the missing parts, of so many documents each, and yield after each document."""


def extract_file(
    extractor: RelationExtractor,
    source: Source,
    *,
    output: Path,
    group_by: str | None = None,
    explain: bool = False,
    engine: Engine | None = None,
    progress: Callable[[Iterable[None]], Iterable[None]] = iter,
) -> ExtractionSummary | None:
    """Extract the facts of every document of a source, and continue after a kill.

    Args:
        extractor: The model.
        source: The documents.
        output: File to write: `.jsonl` (a line per document), `.csv` or `.parquet` (a row per fact).
        group_by: Key by which ungrouped mentions are grouped; by default by identical text.
        explain: Whether to add the words that the model read for each fact.
        engine: Has workers with the same model compute, in the place of this process.
        progress: Wraps the iterator over documents, for example `tqdm`.

    Returns:
        A summary in the main process, `None` in the others.

    Raises:
        AtlopError: The output's format is unknown, the output exists, the input cannot be read, or the folder of parts
            was made from another input, model, code or settings; or another process writes the output.
    """
    write = WRITERS[output_format(output)]
    with one_writer(output, by_this_process=extractor.accelerator.is_main_process):
        parts = PartFolder(hidden_path(output, suffix=".parts"))
        # Killed after it was written. A remote output may be what is left of an upload that was cut off.
        if extractor.accelerator.is_main_process and not is_remote(output) and exists(output):
            parts.remove()
        refuse_existing(output)
        return _extract(
            extractor,
            source,
            write,
            parts=parts,
            output=output,
            group_by=group_by,
            explain=explain,
            engine=engine,
            progress=progress,
        )


def _extract(
    extractor: RelationExtractor,
    source: Source,
    write: ExtractionWriter,
    *,
    parts: PartFolder,
    output: Path,
    group_by: str | None,
    explain: bool,
    engine: Engine | None,
    progress: Callable[[Iterable[None]], Iterable[None]],
) -> ExtractionSummary | None:
    accelerator = extractor.accelerator
    settings = {
        "input_sha256": source.sha256(),
        "model_sha256": extractor.fingerprint,
        "code_sha256": code_sha256(),
        "precision": extractor.precision if engine is None else engine.extract.precision,
        "group_by": group_by,
        "explain": explain,
        "ner": extractor.recognition and extractor.recognition.name,
        "ner_version": extractor.recognition and extractor.recognition.version,
        "documents_per_part": DOCUMENTS_PER_PART,
        "part_format": "lines, counts and sha256",
    }
    if accelerator.is_main_process:
        parts.begin(settings)
    accelerator.wait_for_everyone()
    parts.check(settings, source=source.name or address(source.path), output=output)
    with extractor.hosting(explain=explain, processes=0 if engine else _host_processes(extractor, source)) as hosting:
        writing = (
            _write_parts(extractor, parts, source=source, hosting=hosting, group_by=group_by, explain=explain)
            if engine is None
            else engine.write_parts(parts, source=source, documents=DOCUMENTS_PER_PART)
        )
        started = monotonic()
        computed = sum(1 for _ in progress(writing))
        extractor.fusion_cost.log(seconds=monotonic() - started)
        accelerator.wait_for_everyone()
        if not accelerator.is_main_process:
            return None
        counts = ExtractionCounts()
        write(output, lines=parts.lines(counts), apply=hosting.map)
    parts.remove()
    return ExtractionSummary(counts, computed)


def _host_processes(extractor: RelationExtractor, source: Source) -> int:
    return host_processes(
        extractor.accelerator.device,
        is_recognising=extractor.recognition is not None,
        has_one_chunk=sum(1 for _ in islice(source.documents(), DOCUMENTS_PER_CHUNK + 1)) <= DOCUMENTS_PER_CHUNK,
    )


def _write_parts(
    extractor: RelationExtractor,
    parts: PartFolder,
    *,
    source: Source,
    hosting: Hosting,
    group_by: str | None,
    explain: bool,
) -> Iterator[None]:
    """Write the missing parts of this process, and yield after each document."""
    accelerator = extractor.accelerator
    reading: deque[tuple[int, bool]] = deque()  # part of each chunk that is not done, and whether it is its last one

    def chunks() -> Iterator[list[InputDocument]]:
        for part, items in groupby(source.documents(), key=lambda item: item.index // DOCUMENTS_PER_PART):
            parts.count = part + 1
            if part % accelerator.num_processes != accelerator.process_index or parts.is_whole(part):
                continue
            inputs = list(items)
            for stop in range(DOCUMENTS_PER_CHUNK, len(inputs) + DOCUMENTS_PER_CHUNK, DOCUMENTS_PER_CHUNK):
                reading.append((part, stop >= len(inputs)))
                yield inputs[stop - DOCUMENTS_PER_CHUNK : stop]

    done = extractor.in_chunks(chunks(), hosting=hosting, finish=as_lines, group_by=group_by, explain=explain)
    text, counts = "", ExtractionCounts()
    with ThreadPoolExecutor(1, thread_name_prefix="parts") as thread:  # a disk can be slower than a GPU
        written: Future[None] | None = None
        for lines, chunk_counts in done:
            text += lines
            counts.add(chunk_counts)
            yield from repeat(None, chunk_counts.documents)
            part, is_last = reading.popleft()
            if is_last:
                if written is not None:
                    written.result()
                written = thread.submit(parts.write, part, text, counts)
                text, counts = "", ExtractionCounts()
        if written is not None:
            written.result()
