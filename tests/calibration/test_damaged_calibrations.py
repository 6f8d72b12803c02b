"""A damaged calibration, or file of candidates, is read as what it says, or refused with one message."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import given

from atlop.calibration import THRESHOLDS, Candidates
from atlop.decoding import Calibration, read_calibration
from atlop.errors import AtlopError
from atlop.files import read_json
from atlop.schema import RelationVocabulary
from tests.calibration.made_candidates import made_candidates
from tests.damage import damaged_bytes, damaged_json, damaged_safetensors, outcome_of

VOCABULARY = RelationVocabulary(("P17", "P131"), {})
CALIBRATION = {"rule": "per_class", "thresholds": {"P17": 0.5, "P131": -1}, "slope": 1.0, "intercept": 0.0}


@cache
def valid_candidates() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        made_candidates(seed=1).save(Path(folder) / "candidates.safetensors")
        return (Path(folder) / "candidates.safetensors").read_bytes()


def look_at_calibration(content: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calibration.json"
        path.write_bytes(content)
        found = outcome_of(lambda: read_calibration(read_json(path), vocabulary=VOCABULARY), size=len(content))
        if isinstance(found, Calibration):
            with np.errstate(over="ignore"):
                assert len(found.class_thresholds(VOCABULARY)) == 3
                assert 0 <= found.probability(np.array([0.5], np.float32))[0] <= 1
        return found


def look_at_candidates(content: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "candidates.safetensors"
        path.write_bytes(content)
        found = outcome_of(lambda: Candidates.load(path), size=len(content))
        if not isinstance(found, AtlopError):
            for choose in THRESHOLDS.values():
                assert len(found.facts(choose(found))) == len(found.gold)
        return found


@given(content=damaged_json(CALIBRATION))
def test_calibrations_with_changed_values(content: bytes) -> None:
    look_at_calibration(content)


@given(content=damaged_safetensors(valid_candidates()) | damaged_bytes(valid_candidates()))
def test_candidates_with_changed_values(content: bytes) -> None:
    look_at_candidates(content)
