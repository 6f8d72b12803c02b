"""What is measured of memory: copies of a document with texts of their own, and equally many steps with all."""

import pytest

from atlop.config import TrainerConfig
from atlop.training.schedule import Schedule
from scripts.unlabelled_memory import TRAIN, repeated, share
from tests.evaluation.scored_documents import documents_at_random


def test_copies_of_a_document_have_titles_and_texts_of_their_own() -> None:
    [document] = documents_at_random(1, seed=1)

    found = list(repeated(document, count=7))

    assert len({each.title for each in found}) == len({each.text_digest() for each in found}) == 7
    assert {each.sentences[:-1] for each in found} == {document.sentences}
    assert {(each.entities, each.facts) for each in found} == {(document.entities, document.facts)}


@pytest.mark.parametrize("further", [1_000, 100_000])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_an_epoch_has_so_many_steps_whatever_the_number_of_documents(further: int, accumulation: int) -> None:
    trainer = TrainerConfig(epochs=1, batch_size=2, gradient_accumulation=accumulation, min_steps=200)

    schedule = Schedule(trainer, documents=TRAIN, further=further, share=share(trainer, steps=200, further=further))

    assert (schedule.total, schedule.epochs) == (200, 1)
