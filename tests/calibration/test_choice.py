"""A calibration combines thresholds and a fitted curve, and reports its scores."""

import numpy as np
import pytest

from atlop.calibration import THRESHOLDS, choose_calibration
from atlop.calibration.probability import fit_probability
from atlop.decoding import Rule
from tests.calibration.made_candidates import made_candidates


@pytest.mark.parametrize("rule", ["global", "per_class"])
def test_a_calibration_holds_the_thresholds_of_its_rule_and_the_fitted_curve(rule: Rule) -> None:
    candidates = made_candidates(seed=4, size=200)
    found = choose_calibration(candidates, rule=rule)

    thresholds = THRESHOLDS[rule](candidates)
    assert found.calibration.rule == rule
    assert list(found.calibration.thresholds.items()) == list(
        zip(candidates.relations, thresholds[1:].tolist(), strict=True)
    )
    curve = (found.calibration.slope, found.calibration.intercept)
    assert curve == fit_probability(candidates.margin, candidates.correct)
    assert found.f1 == candidates.f1(thresholds)
    assert found.f1_before == candidates.f1(np.zeros_like(thresholds)) <= found.f1
    assert 0 <= found.calibration_error < 0.2
