"""A file of any size extracted in parts, so that a run that was killed goes on where it was.

Documents are numbered by their place among the lines that are not blank, and document i belongs to part i //
`DOCUMENTS_OF_A_PART`. A part is one file in the folder `.<output>.parts`, a line a document and a line that counts
them, written under another name, synced and renamed: it is there with all of its documents, or not at all. What a part
holds depends only on the input, the model and the settings, which the folder's `manifest.json` names; a later call goes
on in the folder only where all of them are the same, and computes only the parts that are not there. Processes share
the parts by number, and any number of them may go on with what others have left. When every part is there, they are put
together in order into the output, which again appears whole, and the folder is removed. So no document is lost or
written twice, whenever a process dies.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from atlop.errors import AtlopError
from atlop.files import atomic_text, file_sha256, read_json, read_lines, refuse_existing, write_text
from atlop.inference.extractor import RelationExtractor, Source
from atlop.inference.tables import FORMATS, Counts, format_of

DOCUMENTS_OF_A_PART = 512
"""So many documents at most are computed again by each process after a kill."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What came out of a file."""

    counts: Counts
    computed: int
    """Documents that the main process extracted in this call; the others it found done, or left to other processes."""


def extract_file(
    extractor: RelationExtractor,
    path: Path,
    *,
    output: Path,
    group_by: str | None = None,
    explain: bool = False,
    progress: Callable[[Iterable[None]], Iterable[None]] = iter,
) -> Summary | None:
    """Extract the facts of every document of a file; this module says how it survives a kill.

    Args:
        extractor: The model.
        path: JSON lines, `.jsonl` or `.jsonl.gz`.
        output: The file to make: `.jsonl` (a line a document), `.csv` or `.parquet` (a row a fact).
        group_by: Key by which lone mentions are grouped; `None` groups those of identical text.
        explain: Whether facts come with what the model read for them.
        progress: Shows how many documents are done; `tqdm` is one.

    Returns:
        Counts in the main process, `None` in the others.

    Raises:
        AtlopError: The output's format is unknown, the output is there already, the input cannot be read, or the folder
            of parts belongs to something else.
    """
    write = FORMATS[format_of(output)]
    refuse_existing(output)
    accelerator = extractor.accelerator
    parts = _Parts(output.with_name(f".{output.name}.parts"))
    settings = {
        "input_sha256": file_sha256(path),
        "model_sha256": extractor.fingerprint,
        "precision": extractor.precision,
        "batch_size": extractor.batch_size,
        "group_by": group_by,
        "explain": explain,
        "documents_of_a_part": DOCUMENTS_OF_A_PART,
        "format_of_parts": "lines and counts",
    }
    if accelerator.is_main_process:
        parts.begin(settings)
    accelerator.wait_for_everyone()
    parts.check(settings, path=path, output=output)
    work = _Work(extractor, parts, path=path, group_by=group_by, explain=explain)
    computed = sum(1 for _ in progress(work.run()))
    accelerator.wait_for_everyone()
    if not accelerator.is_main_process:
        return None
    counts = Counts()
    write(output, lines=parts.lines(work.seen, counts=counts))
    parts.remove()
    return Summary(counts, computed)


class _Parts:
    """The folder of parts."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._manifest = folder / "manifest.json"

    def begin(self, settings: dict[str, Any]) -> None:
        """Make the folder where it is not there, or where its removal was cut off."""
        if not self._manifest.exists():
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)
            write_text(self._manifest, json.dumps(settings, indent=2) + "\n")

    def check(self, settings: dict[str, Any], *, path: Path, output: Path) -> None:
        """Make sure that the parts that are there are parts of the same work."""
        found = read_json(self._manifest)
        if different := [key for key, value in settings.items() if found.get(key) != value]:
            raise AtlopError(
                f"{self._folder}: holds parts of {output.name} that were made of another {' and '.join(different)} "
                f"than now for {path}; go on as it was begun, remove the folder, or give another --output"
            )

    def path(self, part: int) -> Path:
        """Return where a part is, or will be."""
        return self._folder / f"part-{part:08}.jsonl"

    def lines(self, parts: int, *, counts: Counts) -> Iterator[bytes]:
        """Yield the line of each document of all parts in order, and count what passes."""
        for part in range(parts):
            if not self.path(part).exists():
                raise AtlopError(
                    f"{self.path(part)}: is missing after every process has ended; processes on several machines need "
                    "one output folder that all of them see"
                )
        for part in range(parts):
            yield from self._lines(self.path(part), counts=counts)

    def _lines(self, part: Path, *, counts: Counts) -> Iterator[bytes]:
        latest = b""
        for line in read_lines(part):
            if latest:
                yield latest
            latest = line
        try:
            counts.add(Counts(**json.loads(latest)))
        except (ValueError, TypeError):
            raise AtlopError(
                f"{part}: does not end with the line that counts its documents; remove it and give the same command "
                "again, which makes it anew"
            ) from None

    def remove(self) -> None:
        """Remove the folder, which is of no use any more."""
        shutil.rmtree(self._folder)


@dataclass
class _Work:
    """This process's share of a file."""

    extractor: RelationExtractor
    parts: _Parts
    path: Path
    group_by: str | None
    explain: bool
    seen: int = 0
    """Parts that the file has, those of other processes too; known at the end."""

    def run(self) -> Iterator[None]:
        """Make the parts that are not there, and yield after each document."""
        process, processes = self.extractor.accelerator.process_index, self.extractor.accelerator.num_processes
        documents = enumerate(
            (number, line) for number, line in enumerate(read_lines(self.path), start=1) if not line.isspace()
        )
        for part, lines in groupby(documents, key=lambda item: item[0] // DOCUMENTS_OF_A_PART):
            self.seen = part + 1
            target = self.parts.path(part)
            if part % processes != process or target.exists():
                continue
            sources = (
                Source(index, f"{self.path}, line {number}", f"line {number}", line) for index, (number, line) in lines
            )
            counts = Counts()
            with atomic_text(target) as file:
                for result in self.extractor.extract(sources, group_by=self.group_by, explain=self.explain):
                    file.write(json.dumps(result.as_json(), ensure_ascii=False) + "\n")
                    counts.add(Counts.from_result(result))
                    yield
                file.write(json.dumps(asdict(counts), ensure_ascii=False) + "\n")
