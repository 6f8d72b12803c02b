"""Documents become a batch of tensors."""

from dataclasses import replace

import numpy as np
import torch

from atlop.preprocessing import Batch, DocumentGroup, Features, GrowingVocabulary, Preprocessor, Windowing, collate
from tests.made_documents import VOCABULARY, WINDOWING, document, tokenizer_for

LONG = document(
    "Ada met Bob in Rome", "Ada left", entities=[[(0, 0, 1), (1, 0, 1)], [(0, 2, 3)], [(0, 4, 5)]],
    facts=[(0, 2, "P17"), (2, 1, "P27"), (2, 1, "P17")], title="long",
)  # fmt: skip
SHORT = document("Eve saw Bob", entities=[[(0, 0, 1)], [(0, 2, 3)]], facts=[(1, 0, "P131")], title="short")
ALONE = document("Eve", entities=[[(0, 0, 1)]], title="alone")
EMPTY = document("Eve", entities=[], facts=None, title="empty")
ALL = [LONG, SHORT, ALONE, EMPTY]
TINY = Windowing(size=10, start=(70,), end=(80, 81), first_position=2)


def features(max_length: int = 100) -> list[Features]:
    tokenizer, types = tokenizer_for(*ALL), GrowingVocabulary()
    return list(Preprocessor(tokenizer, vocabulary=VOCABULARY, types=types, max_length=max_length).preprocess(ALL))


def collated(*numbers: int, windowing: Windowing = WINDOWING) -> Batch:
    documents = features()
    return collate([documents[number] for number in numbers], windowing=windowing)


def test_documents_of_one_window_each_are_packed() -> None:
    documents, batch = features(), collated(0, 1, 2, 3)
    assert batch.lengths == batch.window_lengths == (17, 9, 5, 3)
    assert batch.window_boundaries.tolist() == [0, 17, 26, 31, 34]
    assert batch.first_windows == (0, 1, 2, 3, 4)
    assert batch.input_ids.tolist() == [token for each in documents for token in each.input_ids.tolist()]
    assert batch.position_ids.tolist() == [position for length in batch.lengths for position in range(length)]
    expected = [row * 17 + column for row, length in enumerate(batch.lengths) for column in range(length)]
    assert batch.padded_document_indices.tolist() == batch.padded_window_indices.tolist() == expected


def test_special_tokens_of_windows_are_in_no_document() -> None:
    documents, batch = features(), collated(0, 1, windowing=TINY)
    windows = batch.first_windows[1]
    assert windows > 1
    assert batch.window_counts.tolist() == [windows] * windows + [1]
    read = set()
    for window, (start, stop) in enumerate(zip(batch.window_boundaries, batch.window_boundaries[1:], strict=False)):
        indices, ids = batch.padded_document_indices[start:stop].tolist(), batch.input_ids[start:stop].tolist()
        own = [(index, token) for index, token in zip(indices, ids, strict=True) if index < 2 * 17]
        special = [token for index, token in zip(indices, ids, strict=True) if index == 2 * 17]
        assert set(special) <= {70, 80, 81}
        assert len(special) == len(indices) - len(own)
        for index, token in own:
            assert documents[index // 17].input_ids[index % 17] == token
        assert batch.position_ids[start:stop].tolist() == list(range(2, 2 + stop - start))
        longest = max(batch.window_lengths)
        assert batch.padded_window_indices[start:stop].tolist() == list(
            range(window * longest, window * longest + stop - start)
        )
        read |= {index for index, _ in own}
    assert read == {*range(17), *range(17, 17 + 9)}


def test_mentions_of_an_entity_are_padded() -> None:
    batch = collated(1, 0, 2)
    assert batch.mention_indices.tolist() == [
        [[1, -1], [5, -1], [-1, -1]],
        [[17 + 1, 17 + 12], [17 + 5, -1], [17 + 9, -1]],
        [[2 * 17 + 1, -1], [-1, -1], [-1, -1]],
    ]
    assert batch.entity_types.tolist() == [[0, 0, -1], [0, 0, 0], [0, -1, -1]]  # all of one type


def test_every_mention_occurs_in_the_windows_that_contain_it() -> None:
    documents = features(max_length=13)  # the second mention of Ada is truncated
    for windowing in (WINDOWING, TINY):
        batch = collate(documents, windowing=windowing)
        mentions = [
            (row, entity, position)
            for row, each in enumerate(documents)
            for entity, position in zip(each.mention_entities.tolist(), each.mention_positions.tolist(), strict=True)
        ]
        assert batch.mention_count == len(mentions)
        found = set()
        for window, entities in enumerate(batch.window_entities):
            kept = len(entities)
            assert batch.occurrence_entities[window].tolist() == entities.tolist() + [-1] * (
                batch.occurrence_entities.shape[1] - kept
            )
            assert (batch.occurrence_mentions[window, kept:] == len(mentions)).all()
            for token, entity, mention, count in zip(
                *(values[window, :kept].tolist() for values in (
                    batch.occurrence_tokens,
                    batch.occurrence_entities,
                    batch.occurrence_mentions,
                    batch.occurrence_mention_counts,
                )),
                strict=True,
            ):  # fmt: skip
                row, owner, position = mentions[mention]
                assert owner == entity
                assert batch.window_boundaries[window] <= token < batch.window_boundaries[window + 1]
                assert batch.padded_document_indices[token] == row * batch.padded_length + position
                assert count == (documents[row].mention_entities == entity).sum()
                found.add(mention)
        assert found == set(range(len(mentions)))
    assert documents[0].truncated_mentions == 1


def test_pairs_labels_and_evidence_follow_document_after_document() -> None:
    documents = features()
    documents[0] = replace(documents[0], evidence=np.array([[0, 1], [2, 0]], dtype=np.int32))
    batch = collate([documents[1], documents[2], documents[0]], windowing=WINDOWING)
    assert batch.pair_counts == (2, 0, 6)
    assert batch.pairs.tolist() == [[0, 1], [1, 0], [6, 7], [6, 8], [7, 6], [7, 8], [8, 6], [8, 7]]
    assert [pairs.tolist() for pairs in batch.document_pairs[:2]] == [[[0, 1], [1, 0]], []]
    assert batch.document_pairs[2].tolist() == (batch.pairs[2:] - 2 * 3).tolist()  # three entities a document
    assert batch.labels.tolist() == [[1, 2], [3, 1], [7, 3], [7, 1]]
    assert batch.evidence.tolist() == [[1, 1], [3, 0]]
    assert batch.titles == ("short", "alone", "long")


def test_every_token_has_its_sentence() -> None:
    batch = collated(1, 0)
    assert batch.token_sentences.tolist() == [[-1, *[0] * 7, -1, *[-1] * 8], [-1, *[0] * 11, *[1] * 4, -1]]


def test_labels_can_be_written_out() -> None:
    batch = collated(1, 0)
    dense = batch.dense_labels(VOCABULARY.classes)
    assert dense.dtype == torch.bool
    assert dense.shape == (8, 4)
    assert dense.nonzero().tolist() == [[1, 2], [3, 1], [7, 1], [7, 3]]
    assert not dense[:, 0].any()


def test_documents_without_entities_can_stand_alone() -> None:
    batch = collated(3)
    assert batch.occurrence_tokens.shape == (1, 0)
    assert batch.mention_indices.shape == (1, 0, 0)
    assert batch.pairs.shape == (0, 2)
    assert batch.dense_labels(4).shape == (0, 4)


def test_a_batch_on_another_device_keeps_everything() -> None:
    batch = collated(0, 1)
    moved = batch.to(torch.device("cpu"))
    assert moved.lengths == batch.lengths
    assert torch.equal(moved.labels, batch.labels)
    assert moved.titles == batch.titles
    meta = batch.to(torch.device("meta"))
    for name in ("input_ids", "window_boundaries", "mention_indices", "pairs", "labels"):
        assert getattr(meta, name).device.type == "meta"
        assert getattr(meta, name).shape == getattr(batch, name).shape


def test_all_tensors_share_one_block_that_is_copied_at_once() -> None:
    batch = collated(0, 1, 3)
    copy = batch._with_buffer(batch.buffer.clone())
    copy.buffer.zero_()
    for name, view in batch._views().items():
        assert view.untyped_storage().data_ptr() == batch.buffer.untyped_storage().data_ptr(), name
        assert getattr(copy, name).shape == view.shape
        assert not getattr(copy, name).any()
    assert sum(view.numel() for view in batch._views().values()) == len(batch.buffer)


def test_collation_does_not_change_the_documents() -> None:
    documents, untouched = features(), features()
    collate(documents, windowing=WINDOWING)
    for found, expected in zip(documents, untouched, strict=True):
        assert found.labels.tolist() == expected.labels.tolist()
        assert found.mention_positions.tolist() == expected.mention_positions.tolist()


def test_a_group_pads_its_windows() -> None:
    batch = collated(1, 0, 2, windowing=TINY)
    packed = torch.arange(len(batch.input_ids))
    for documents in (slice(0, 1), slice(1, 2), slice(1, 3), slice(0, 3)):
        group = DocumentGroup(batch, documents)
        padded = group.pad(packed, fill=-1)
        assert padded.shape == (group.window_count, group.padded_window_length)
        for row, window in enumerate(range(batch.first_windows[documents.start], batch.first_windows[documents.stop])):
            start, stop = batch.window_boundaries[window : window + 2].tolist()
            assert padded[row].tolist() == list(range(start, stop)) + [-1] * (group.padded_window_length - stop + start)
        padding_mask = group.padding_mask
        assert torch.equal(
            padded < 0, torch.zeros_like(padded, dtype=torch.bool) if padding_mask is None else padding_mask
        )
