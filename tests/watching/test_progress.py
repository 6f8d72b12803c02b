"""What is said of a run follows from its folder, in every state, and nothing in the folder changes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from atlop.errors import AtlopError
from atlop.files import one_writer
from atlop.files.process import Process
from atlop.watching.progress import MAX_POINTS, RunProgress
from tests.watching.runs import LEARNED, evaluation, finish, row, write_run


def files_of(run: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [run, *run.rglob("*")]}


def state(run: Path) -> tuple[str, str]:
    found = RunProgress(run).snapshot()
    return found["state"], found["message"]


def test_a_run_in_training_says_how_far_it_is_and_how_long_it_takes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", LEARNED)

    with one_writer(run, is_folder=True):
        found = RunProgress(run).snapshot()

    assert found["state"] == "running"
    assert f"process {os.getpid()} on " in found["message"].lower()
    assert (found["step"], found["steps"], found["epoch"], found["epochs"]) == (20, 40, 2, 4)
    assert (found["seconds"], found["seconds_left"]) == (10, 10)
    assert found["loss"]["step"] == list(range(1, 21))
    assert found["loss"]["mean"][:2] == [4, 2]
    assert found["rates"]["encoder"][-1] == pytest.approx(1e-5)
    assert [(each["step"], each["f1"]) for each in found["dev"]] == [(10, 0.25), (20, 0.5)]
    assert found["settings"]["encoder"] == "bert-base-cased"
    assert found["problem"] is None


def test_before_the_first_step_a_run_is_prepared(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with one_writer(run, is_folder=True):
        assert state(run)[0] == "preparing"
        write_run(run, [])
        assert state(run)[0] == "preparing"


def test_a_run_with_a_summary_is_finished_even_while_its_process_ends(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", LEARNED)
    finish(run)
    assert state(run) == ("finished", f"All steps are done; the best model is in {run / 'best'}.")
    with one_writer(run, is_folder=True):
        assert state(run)[0] == "finished"
    finish(run, stopped_early={"step": 20, "of": 40, "evaluations_since_best": 3})
    assert "trainer.patience" in state(run)[1]
    found = RunProgress(run).snapshot()
    assert (found["seconds"], found["seconds_left"]) == (25, None)


def test_a_run_whose_last_step_is_in_a_checkpoint_was_stopped(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", LEARNED, checkpoint=20)

    name, message = state(run)

    assert name == "stopped"
    assert f"`atlop train --resume {run}` goes on from there" in message


@pytest.mark.parametrize(("checkpoint", "says"), [(10, "after step 10"), (0, "none")])
def test_a_run_that_was_killed_or_failed_is_not_called_finished_or_stopped(
    checkpoint: int, says: str, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "run", LEARNED, checkpoint=checkpoint)

    name, message = state(run)

    assert name == "broken off"
    assert "it was killed or failed" in message
    assert f"The newest checkpoint: {says}." in message


def test_a_process_that_was_killed_is_noticed_by_its_lock(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", LEARNED)
    program = f"""
import os, pathlib
from atlop.files import one_writer
with one_writer(pathlib.Path({str(run)!r}), is_folder=True):
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", program], check=False)

    assert list(run.glob(".atlop-*.lock"))
    assert state(run)[0] == "broken off"


def test_a_process_of_another_machine_is_not_said_to_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", LEARNED)
    with one_writer(run, is_folder=True):
        [lock] = run.glob(".atlop-*.lock")
        elsewhere = Process.current()._replace(host="0" * 8)
        lock.write_text(f"{elsewhere} process 7 on gpu-3, since noon\n", encoding="utf-8")

        name, message = state(run)

    assert name == "elsewhere"
    assert message.startswith("Written by process 7 on gpu-3, since noon. Whether that still runs cannot be seen")


def test_many_steps_are_drawn_as_means_with_their_range(tmp_path: Path) -> None:
    steps = 3 * MAX_POINTS - 1
    run = write_run(tmp_path / "run", [row(number, per_epoch=steps) for number in range(1, steps + 1)])

    found = RunProgress(run).snapshot()

    loss = found["loss"]
    assert loss["steps_per_point"] == 3
    assert loss["step"] == list(range(2, steps + 1, 3))
    assert found["rates"]["step"][-1] == steps
    assert (loss["high"][0], loss["low"][0], loss["mean"][0]) == (4, 2, 3)
    assert loss["mean"][-1] == pytest.approx(sum(4 / (steps - back) for back in range(3)) / 3, rel=1e-5)
    assert len(json.dumps(found)) < 30_000


def test_of_a_step_that_was_done_twice_the_last_counts_and_skipped_ones_are_counted(tmp_path: Path) -> None:
    again = [row(2) | {"loss": 9.0}, {"step": 3, "epoch": 0, "skipped": True}, evaluation(10, 0.5)]
    run = write_run(tmp_path / "run", [row(1), row(2), evaluation(10, 0.25), *again])

    found = RunProgress(run).snapshot()

    assert found["loss"]["mean"] == [4, 9]
    assert found["skipped_steps"] == 1
    assert [each["f1"] for each in found["dev"]] == [0.5]


def test_a_run_of_an_earlier_version_has_its_steps_after_an_epoch_and_its_time_after_an_evaluation(
    tmp_path: Path,
) -> None:
    def found(rows: int) -> tuple[int | None, float]:
        earlier = [
            {key: value for key, value in each.items() if key != "seconds" or "dev" in each} for each in LEARNED[:rows]
        ]
        snapshot = RunProgress(write_run(tmp_path / "run", earlier, steps=None)).snapshot()
        return snapshot["steps"], snapshot["seconds"]

    assert found(9) == (None, 0)
    assert found(12) == (40, 5)


def test_a_training_that_makes_more_epochs_of_few_documents_says_how_many(tmp_path: Path) -> None:
    found = RunProgress(write_run(tmp_path / "run", LEARNED, steps=70)).snapshot()

    assert (found["steps"], found["epochs"]) == (70, 7)


def test_a_line_that_is_being_written_and_one_that_is_damaged_stop_nothing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", LEARNED)
    progress = RunProgress(run)
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 21, "lo')
    assert progress.snapshot()["problem"] is None
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")

    found = progress.snapshot()

    assert "metrics.jsonl, line 23, column" in found["problem"]
    assert found["step"] == 20


@pytest.mark.parametrize("name", ["config.toml", "environment.json", "summary.json"])
def test_a_damaged_file_is_named_beside_what_the_others_say(name: str, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", LEARNED)
    (run / name).write_text("{", encoding="utf-8")

    found = RunProgress(run).snapshot()

    assert name in found["problem"]
    assert found["step"] == 20


def test_nothing_in_the_folder_changes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", LEARNED, checkpoint=20)
    before = files_of(run)

    RunProgress(run).snapshot()

    assert files_of(run) == before


def test_a_folder_that_vanishes_is_no_failure(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", LEARNED)
    progress = RunProgress(run)
    progress.snapshot()
    run.rename(tmp_path / "moved")

    found = progress.snapshot()

    assert (found["state"], found["message"]) == ("gone", f"There is no folder {run} any more.")
    assert found["written"] is None
    assert found["step"] == 20


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir, Path.touch])
def test_what_is_no_run_is_refused(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "run")

    with pytest.raises(AtlopError, match=r"run: holds no run \(no config.toml\), and no process trains one there"):
        RunProgress(tmp_path / "run")
