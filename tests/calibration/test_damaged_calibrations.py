"""A damaged decision, or file of candidates, is read as what it says, or refused with one message."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import given

from atlop.calibration import CHOOSERS, Candidates
from atlop.decoding import Decision, read_decision
from atlop.errors import AtlopError
from atlop.files import read_json
from atlop.schema import RelationVocabulary
from tests.calibration.made_candidates import made_candidates
from tests.damage import damaged_bytes, damaged_json, damaged_safetensors, outcome_of

VOCABULARY = RelationVocabulary(("P17", "P131"), {})
DECISION = {
    "use": "per_class",
    "offset": 0.25,
    "per_class": {"P17": 0.5, "P131": -1},
    "probability": {"slope": 1.0, "intercept": 0.0},
    "evidence_threshold": 0.3,
}


@cache
def valid_candidates() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        made_candidates(seed=1).save(Path(folder) / "candidates.safetensors")
        return (Path(folder) / "candidates.safetensors").read_bytes()


def look_at_decision(content: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "decision.json"
        path.write_bytes(content)
        found = outcome_of(lambda: read_decision(read_json(path), vocabulary=VOCABULARY), size=len(content))
        if isinstance(found, Decision):
            with np.errstate(over="ignore"):
                thresholds = found.thresholds(VOCABULARY)
                assert (thresholds is None) == (found.use == "plain")
                assert thresholds is None or len(thresholds) == 3
                if found.probability is not None:
                    assert 0 <= found.probability.at(np.array([0.5], np.float32))[0] <= 1
        return found


def look_at_candidates(content: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "candidates.safetensors"
        path.write_bytes(content)
        found = outcome_of(lambda: Candidates.load(path), size=len(content))
        if not isinstance(found, AtlopError):
            for name in ("plain", "offset", "per_class"):
                choose = CHOOSERS[name]
                assert len(found.facts(found.accepted(choose(found)))) == len(found.gold)
        return found


@given(content=damaged_json(DECISION))
def test_decisions_with_changed_values(content: bytes) -> None:
    look_at_decision(content)


@given(content=damaged_safetensors(valid_candidates()) | damaged_bytes(valid_candidates()))
def test_candidates_with_changed_values(content: bytes) -> None:
    look_at_candidates(content)
