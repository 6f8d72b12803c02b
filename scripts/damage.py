"""Damage valid files of every kind in thousands of ways, and look at each as the tests do.

Whatever reads a damaged file gives a result or one message: no traceback, no signal, no hang, and no more memory than
300 MB and 40 times the file. Files are looked at in processes of their own, so that one that dies is noticed: its file
is kept, and its kind and seed are printed. A table of all kinds is printed at the end.

Example: python scripts/damage.py --files 10000 --output runs/damage
"""

import argparse
import gzip
import json
import logging
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests have the cases
os.environ["OMP_NUM_THREADS"] = "1"  # a process with threads cannot be forked safely
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from transformers.utils import logging as transformers_logging

from atlop.errors import AtlopError
from tests import test_damaged_files as files
from tests.calibration import test_damaged_calibrations as calibrations
from tests.corpora import test_damaged_corpora as corpora
from tests.damage import HANGS, damaged_bytes, damaged_json, damaged_safetensors
from tests.experiments import test_damaged_experiments as experiments
from tests.inference import test_damaged_facts as facts
from tests.model_folder import test_damaged_models as models
from tests.preprocessing import test_damaged_cache as cache
from tests.training import test_damaged_runs as runs

FILES_PER_PROCESS = 400


@dataclass(frozen=True)
class Kind:
    """A kind of file."""

    damaged: st.SearchStrategy[Any]
    """Contents, or tuples of arguments of `look`."""
    look: Callable[..., object]
    """Looks at a content; returns an `AtlopError` if it is refused."""
    weight: float
    """Files in a hundred."""


def corpus_kinds() -> dict[str, Kind]:
    kinds = {}
    for format in sorted(corpora.TEXT_FILES.keys() | corpora.JSON_FILES):
        look = partial(corpora.look_at_content, format=format)
        valid = corpora.TEXT_FILES.get(format) or json.dumps(corpora.JSON_FILES[format]).encode()
        changed = damaged_bytes(valid)
        if format in corpora.JSON_FILES:
            changed |= damaged_json(corpora.JSON_FILES[format])
        kinds[f"corpus: {format}"] = Kind(changed, look, 2)
        if format in corpora.NAMES:
            packed = damaged_bytes(gzip.compress(valid, mtime=0))
            kinds[f"corpus: {format}, gzip"] = Kind(packed, partial(look, packed=True), 1)
            kinds[f"corpus: {format}, recognised"] = Kind(changed, partial(look, recognised=True), 1)
    return kinds


def json_or_bytes(value: Any) -> st.SearchStrategy[bytes]:
    return damaged_json(value) | damaged_bytes(json.dumps(value).encode())


def all_kinds() -> dict[str, Kind]:
    archive = files.packed(json.dumps(files.ROWS).encode())
    relations = st.tuples(json_or_bytes(corpora.RELATION_IDS), json_or_bytes(corpora.RELATION_NAMES))
    model, encoder = models.valid_model(), models.valid_encoder()
    released, candidates = models.RELEASED.read_bytes(), calibrations.valid_candidates()
    return corpus_kinds() | {
        "rel2id.json and rel_info.json": Kind(
            relations, lambda ids, names: corpora.look_at_relations(ids, names=names), 5
        ),
        "train facts": Kind(json_or_bytes(corpora.TRAIN_FACTS), corpora.look_at_train_facts, 3),
        "configuration": Kind(damaged_bytes(files.CONFIG), files.look_at_config, 6),
        "scheme": Kind(damaged_bytes(files.SCHEME), files.look_at_scheme, 2),
        "experiment": Kind(damaged_bytes(experiments.source().read_bytes()), experiments.look_at_source, 3),
        "submission: JSON": Kind(json_or_bytes(files.ROWS), partial(files.look_at_submission, name="result.json"), 6),
        "submission: zip": Kind(damaged_bytes(archive), partial(files.look_at_submission, name="result.zip"), 3),
        "facts": Kind(json_or_bytes(facts.RECORD), facts.look_at_facts, 6),
        "part or manifest of extract": Kind(facts.damaged_part(), facts.look_at_part, 4),
        "decision": Kind(json_or_bytes(calibrations.DECISION), calibrations.look_at_decision, 3),
        "candidates": Kind(damaged_safetensors(candidates), calibrations.look_at_candidates, 3),
        "cache entry": Kind(cache.damaged_entry(), cache.look_at_entry, 3),
        "cache entry, sums made to fit": Kind(cache.damaged_content(), cache.look_at_content, 4),
        "interrupted run": Kind(runs.damaged_run(), runs.look_at_run, 0.7),
        "checkpoint, sums made to fit": Kind(runs.damaged_checkpoint(), runs.look_at_checkpoint, 1.3),
        "finished run": Kind(runs.damaged_finished_run(), runs.look_at_finished_run, 4),
        "experiment folder": Kind(experiments.damaged_experiment(), experiments.look_at_experiment, 2),
        "model folder": Kind(models.damaged_file_in(model), partial(models.look_at, model, use=models.predict), 4),
        "encoder": Kind(models.damaged_file_in(encoder), partial(models.look_at, encoder, use=models.make), 1.5),
        "released checkpoint": Kind(damaged_bytes(released), models.look_at_released, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="number of files, over all kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", help="only kinds whose names begin so")
    parser.add_argument("--output", type=Path, default=Path("runs/damage"), help="folder for files that are kept")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    transformers_logging.disable_progress_bar()
    logging.disable()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["ATLOP_CACHE"] = tempfile.tempdir = temporary
        chosen = {name: kind for name, kind in all_kinds().items() if name.startswith(tuple(options.kinds or [""]))}
        total = sum(kind.weight for kind in chosen.values())
        rows = [
            damage(
                name,
                kind,
                files=ceil(options.files * kind.weight / total),
                first_seed=options.seed,
                kept=options.output,
            )
            for name, kind in chosen.items()
        ]
    rows.append(Row("all", *(sum(column) for column in zip(*(row.numbers() for row in rows), strict=True))))
    print_table(rows)
    sys.exit(rows[-1].failures > 0)


@dataclass(frozen=True)
class Row:
    """What became of the files of a kind."""

    kind: str
    files: int = 0
    ok: int = 0
    refused: int = 0
    failures: int = 0
    seconds: float = 0.0

    def numbers(self) -> tuple[Any, ...]:
        """Return all but the name."""
        return self.files, self.ok, self.refused, self.failures, self.seconds


def damage(name: str, kind: Kind, *, files: int, first_seed: int, kept: Path) -> Row:
    """Look at files of a kind in one process after the other."""
    started, row = time.monotonic(), Row(name)
    for number, start in enumerate(range(0, files, FILES_PER_PROCESS)):
        count, case_seed = min(FILES_PER_PROCESS, files - start), first_seed + number
        latest = kept / f"{name.translate(_SAFE)}-{case_seed}"
        outcomes, problem = look_in_process(kind, count=count, case_seed=case_seed, latest=latest)
        row = replace(
            row,
            files=row.files + sum(outcomes.values()) + bool(problem),
            ok=row.ok + outcomes["ok"],
            refused=row.refused + outcomes["refused"],
            failures=row.failures + bool(problem),
        )
        if problem:
            print(f"{name}, seed {case_seed}, file {latest}: {problem}", file=sys.stderr, flush=True)
        else:
            latest.unlink(missing_ok=True)
    row = replace(row, seconds=time.monotonic() - started)
    print(f"{name}: {row.files} files in {row.seconds:.0f} s", file=sys.stderr, flush=True)
    return row


_SAFE = str.maketrans(dict.fromkeys(" :,/", "_"))


def look_in_process(kind: Kind, *, count: int, case_seed: int, latest: Path) -> tuple[Counter[str], str]:
    """Look at damaged files in a process of its own; return the number of each outcome, and what went wrong."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    arguments = {"count": count, "case_seed": case_seed, "latest": latest, "send": sender.send}
    process = multiprocessing.get_context("fork").Process(target=look_at_files, args=(kind,), kwargs=arguments)
    process.start()
    sender.close()
    outcomes: Counter[str] = Counter()
    problem = ""
    try:
        while receiver.poll(2 * HANGS):
            outcome = receiver.recv()
            if outcome in ("ok", "refused"):
                outcomes[outcome] += 1
            else:
                problem = outcome
        process.kill()
        problem = problem or "hangs"
    except EOFError:  # the process has ended
        pass
    process.join()
    if process.exitcode and not problem:
        problem = f"died with exit code {process.exitcode}"
    return outcomes, problem


def look_at_files(kind: Kind, *, count: int, case_seed: int, latest: Path, send: Callable[[str], None]) -> None:
    """Look at damaged files, and send the outcome of each; what is looked at lies in `latest`."""

    @seed(case_seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=kind.damaged)
    def look(case: Any) -> None:
        arguments: Sequence[Any] = case if isinstance(case, tuple) else (case,)
        latest.write_bytes(b"\n".join(each if isinstance(each, bytes) else str(each).encode() for each in arguments))
        send("refused" if isinstance(kind.look(*arguments), AtlopError) else "ok")

    try:
        look()
    except BaseException:
        send(traceback.format_exc())


def print_table(rows: Sequence[Row]) -> None:
    print(f"{'kind':<34} {'files':>7} {'ok':>7} {'refused':>8} {'failures':>9} {'seconds':>8}")
    for row in rows:
        counts = f"{row.files:>7,} {row.ok:>7,} {row.refused:>8,} {row.failures:>9,} {row.seconds:>8,.0f}"
        print(f"{row.kind:<34} {counts}")


if __name__ == "__main__":
    main()
