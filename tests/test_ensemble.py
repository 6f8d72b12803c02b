"""Models that score together decide by the mean of their margins; one alone decides as it always did."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from atlop.calibration import collect_candidates, global_threshold
from atlop.decoding import PLAIN, Decision
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, Member, chosen_decision
from atlop.errors import AtlopError
from atlop.model import AtlopModel
from atlop.prediction import predict_facts
from tests.golden_values import (
    golden_batch,
    golden_documents,
    golden_model,
    golden_preprocessed,
    golden_tokenizer,
    golden_vocabulary,
)


def member(name: str) -> Member:
    return Member(golden_model(name), golden_tokenizer(name))


def offset(threshold: float) -> Decision:
    return Decision(use="offset", offset=threshold)


def with_relations_reordered(model: AtlopModel) -> AtlopModel:
    """The same model with its relations, and their scores, the other way round."""
    order = [0, *range(len(golden_vocabulary().relations), 0, -1)]
    layer = model.classifier.bilinear
    with torch.no_grad():
        layer.weight.copy_(layer.weight[order])
        layer.bias.copy_(layer.bias[order])
    model.config.relations = list(reversed(golden_vocabulary().relations))
    return model


def margins_one_by_one(names: Sequence[str], index: int) -> Tensor:
    """The slow way: the mean over models of each relation's score minus TH's."""
    margins = []
    for name in names:
        with torch.no_grad():
            scores = golden_model(name)(golden_batch(name, [index])).scores
        margins.append(scores[:, 1:] - scores[:, :1])
    return torch.stack(margins).mean(dim=0)


def test_one_model_finds_what_it_finds_alone() -> None:
    accelerator = accelerator_for("float32")
    alone = predict_facts(golden_model("bert"), golden_preprocessed("bert"), accelerator=accelerator)
    found = Ensemble.from_members([member("bert")]).predict(golden_documents(), accelerator=accelerator)
    assert found.facts == alone


def test_scores_of_several_are_the_mean_of_their_margins() -> None:
    ensemble = Ensemble.from_members([member("bert"), member("roberta")])
    scored = list(ensemble.score(golden_documents(), accelerator=accelerator_for("float32")))
    assert [each.index for each in scored] == list(range(len(golden_documents())))
    for each in scored:
        expected = margins_one_by_one(["bert", "roberta"], each.index)
        assert not each.scores[:, 0].any()
        torch.testing.assert_close(each.scores[:, 1:], expected, atol=1e-5, rtol=1e-5)


def test_scores_that_are_kept_do_not_keep_those_of_their_batch() -> None:
    for scored in Ensemble.from_members([member("bert")]).score(
        golden_documents(), accelerator=accelerator_for("float32")
    ):
        assert scored.evidence is not None
        for tensor in (scored.scores, scored.evidence):
            assert tensor.untyped_storage().nbytes() == tensor.nbytes


def test_the_facts_of_several_are_those_whose_mean_margin_is_above_zero() -> None:
    ensemble = Ensemble.from_members([member("bert"), member("roberta")])
    found = ensemble.predict(golden_documents(), accelerator=accelerator_for("float32"))
    relations = golden_vocabulary().relations
    for index, facts in enumerate(found.facts):
        margins = margins_one_by_one(["bert", "roberta"], index)
        fourth = margins.topk(4, dim=1).values[:, -1:]
        pairs = golden_preprocessed("bert")[index].pairs
        rows, classes = ((margins > 0) & (margins >= fourth)).nonzero(as_tuple=True)
        expected = {(*pairs[row].tolist(), relations[each]) for row, each in zip(rows, classes.tolist(), strict=True)}
        assert {fact.key for fact in facts} == expected
    assert any(found.facts)


def test_the_same_model_twice_finds_the_same_whatever_the_order_of_its_relations() -> None:
    accelerator = accelerator_for("float32")
    twin = Member(with_relations_reordered(golden_model("bert")), golden_tokenizer("bert"))
    twice = Ensemble.from_members([member("bert"), twin]).predict(golden_documents(), accelerator=accelerator)
    assert (
        twice.facts
        == Ensemble.from_members([member("bert")]).predict(golden_documents(), accelerator=accelerator).facts
    )


def test_models_of_other_relations_are_refused() -> None:
    other = member("roberta")
    other.model.config.relations = ["P9999", *golden_vocabulary().relations[1:]]
    with pytest.raises(AtlopError, match=r"models 1 and 2 know different relations.*P9999"):
        Ensemble.from_members([member("bert"), other])


@pytest.mark.parametrize(("name", "hint"), [("ofset", "; did you mean offset?"), ("absent.json", "")])
def test_a_decision_that_is_neither_a_name_nor_a_file_says_what_is(name: str, hint: str) -> None:
    expected = "no such file; expected plain, offset, per_class, fusion, or a file of `atlop calibrate --output`"

    with pytest.raises(AtlopError) as raised:
        chosen_decision(name, rule=Ensemble.from_members([member("bert")]).rule)

    assert str(raised.value) == f"--decision {name}: {expected}{hint}"


@pytest.mark.parametrize("names", [["bert"], ["bert", "roberta"]])
def test_thresholds_decide_in_place_of_zero(names: list[str]) -> None:
    accelerator = accelerator_for("float32")
    ensemble = Ensemble.from_members([member(name) for name in names])
    counts = [
        sum(
            map(
                len,
                ensemble.with_decision(each).predict(golden_documents(), accelerator=accelerator).facts,
            )
        )
        for each in (offset(-0.5), PLAIN, offset(0.5))
    ]
    assert counts[0] > counts[1] > counts[2]


def test_a_model_keeps_its_decision_alone_and_loses_it_among_others() -> None:
    calibrated = member("bert")
    calibrated.model.config.decision = offset(0.5).model_dump()
    assert Ensemble.from_members([calibrated]).rule.thresholds is not None
    assert Ensemble.from_members([calibrated, member("roberta")]).rule.thresholds is None


def test_candidates_above_a_threshold_are_the_facts_that_prediction_finds() -> None:
    accelerator = accelerator_for("float32")
    ensemble = Ensemble.from_members([member("bert"), member("roberta")])
    scored = ensemble.score(golden_documents(), accelerator=accelerator)
    candidates = collect_candidates(scored, documents=golden_documents(), rule=ensemble.rule)
    threshold = float(global_threshold(candidates)[1])
    found = ensemble.with_decision(offset(threshold)).predict(golden_documents(), accelerator=accelerator)
    expected = candidates.facts(candidates.accepted(offset(threshold)))
    assert [[fact.key for fact in facts] for facts in expected] == [
        [fact.key for fact in facts] for facts in found.facts
    ]
