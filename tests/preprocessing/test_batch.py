"""Encoded documents side by side."""

import torch

from atlop.preprocessing import Batch, Features, Preprocessor, collate
from tests.made_documents import VOCABULARY, document, tokenizer_for

LONG = document(
    "Ada met Bob in Rome", "Ada left", entities=[[(0, 0, 1), (1, 0, 1)], [(0, 2, 3)], [(0, 4, 5)]],
    facts=[(0, 2, "P17"), (2, 1, "P27"), (2, 1, "P17")], title="long",
)  # fmt: skip
SHORT = document("Eve saw Bob", entities=[[(0, 0, 1)], [(0, 2, 3)]], facts=[(1, 0, "P131")], title="short")
ALONE = document("Eve", entities=[[(0, 0, 1)]], title="alone")
EMPTY = document("Eve", entities=[], facts=None, title="empty")
ALL = [LONG, SHORT, ALONE, EMPTY]


def encoded(max_length: int = 100) -> list[Features]:
    return list(Preprocessor(tokenizer_for(*ALL), vocabulary=VOCABULARY, max_length=max_length).encode(ALL))


def collated(*numbers: int) -> Batch:
    documents = encoded()
    return collate([documents[number] for number in numbers], padding=0)


def test_shorter_documents_are_filled_up() -> None:
    documents = encoded()
    batch = collate(documents, padding=77)
    assert batch.lengths == tuple(len(document.input_ids) for document in documents) == (17, 9, 5, 3)
    assert batch.input_ids.dtype == torch.int64
    for row, document_ in zip(batch.input_ids.tolist(), documents, strict=True):
        length = len(document_.input_ids)
        assert row[:length] == document_.input_ids.tolist()
        assert row[length:] == [77] * (17 - length)


def test_mentions_and_entities_are_filled_up_with_minus_one() -> None:
    batch = collated(1, 0, 2)
    assert batch.mention_positions.tolist() == [[1, 5, -1, -1], [1, 12, 5, 9], [1, -1, -1, -1]]
    assert batch.entity_mentions.tolist() == [
        [[0, -1], [1, -1], [-1, -1]],
        [[0, 1], [2, -1], [3, -1]],
        [[0, -1], [-1, -1], [-1, -1]],
    ]


def test_every_mention_knows_its_entity() -> None:
    assert collated(1, 0).mention_entities.tolist() == [[0, 1, -1, -1], [0, 0, 1, 2]]


def test_every_entity_finds_the_markers_of_its_own_mentions() -> None:
    documents = encoded(max_length=13)  # the second mention of Ada is cut
    batch = collate(documents, padding=0)
    for row, document_ in enumerate(documents):
        for entity in range(document_.entities):
            columns = [column for column in batch.entity_mentions[row, entity].tolist() if column >= 0]
            found = batch.mention_positions[row, columns].tolist()
            assert found == document_.mention_positions[document_.mention_entities == entity].tolist()
    assert documents[0].lost_mentions == 1


def test_pairs_and_labels_follow_document_after_document() -> None:
    batch = collated(1, 2, 0)
    assert batch.pair_counts == (2, 0, 6)
    assert batch.pairs.tolist() == [[0, 1], [1, 0], [6, 7], [6, 8], [7, 6], [7, 8], [8, 6], [8, 7]]
    assert [pairs.tolist() for pairs in batch.document_pairs[:2]] == [[[0, 1], [1, 0]], []]
    assert batch.document_pairs[2].tolist() == (batch.pairs[2:] - 2 * 3).tolist()  # three entities a document
    assert batch.labels.tolist() == [[1, 2], [3, 1], [7, 3], [7, 1]]
    assert batch.indices == (1, 2, 0)
    assert batch.titles == ("short", "alone", "long")


def test_labels_can_be_written_out() -> None:
    batch = collated(1, 0)
    dense = batch.dense_labels(VOCABULARY.classes)
    assert dense.dtype == torch.bool
    assert dense.shape == (8, 4)
    assert dense.nonzero().tolist() == [[1, 2], [3, 1], [7, 1], [7, 3]]
    assert not dense[:, 0].any()


def test_documents_without_entities_can_stand_alone() -> None:
    batch = collated(3)
    assert batch.mention_positions.shape == (1, 0)
    assert batch.entity_mentions.shape == (1, 0, 0)
    assert batch.pairs.shape == (0, 2)
    assert batch.dense_labels(4).shape == (0, 4)


def test_a_batch_on_another_device_keeps_everything() -> None:
    batch = collated(0, 1)
    moved = batch.to(torch.device("cpu"))
    assert moved.lengths == batch.lengths
    assert torch.equal(moved.labels, batch.labels)
    assert moved.titles == batch.titles
    meta = batch.to(torch.device("meta"))
    for tensor in (meta.input_ids, meta.entity_mentions, meta.pairs, meta.labels):
        assert tensor.device.type == "meta"
    assert (meta.mention_positions == batch.mention_positions).all()


def test_collation_does_not_change_the_documents() -> None:
    documents, untouched = encoded(), encoded()
    collate(documents, padding=0)
    for found, expected in zip(documents, untouched, strict=True):
        assert found.labels.tolist() == expected.labels.tolist()
        assert found.mention_positions.tolist() == expected.mention_positions.tolist()
