"""What a model folder says of its encoder's inputs."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from transformers import (
    AutoModel,
    BertConfig,
    Data2VecTextConfig,
    DebertaV2Config,
    PreTrainedConfig,
    RobertaConfig,
    XLNetConfig,
)

from atlop.errors import AtlopError
from atlop.model import AtlopConfig
from atlop.preprocessing.windows import Windowing, window_end


def windowing(encoder: PreTrainedConfig, *, size: int | None = None) -> Windowing:
    with torch.device("meta"):
        return Windowing.for_encoder(AutoModel.from_config(encoder), start=(2,), end=(3,), size=size)


def deberta(**settings: Any) -> DebertaV2Config:
    return DebertaV2Config(max_position_embeddings=512, **settings)


@pytest.mark.parametrize(
    ("encoder", "size", "first"),
    [
        (BertConfig(max_position_embeddings=512), 512, 0),
        (BertConfig(max_position_embeddings=128), 128, 0),
        (BertConfig(max_position_embeddings=4096), 512, 0),
        (RobertaConfig(max_position_embeddings=514, pad_token_id=1), 512, 2),
        (RobertaConfig(max_position_embeddings=514, pad_token_id=9), 504, 10),
        (Data2VecTextConfig(max_position_embeddings=512), 510, 2),  # not in any list of types
        (deberta(), 512, 0),
        (deberta(position_biased_input=False), 512, 0),
        (XLNetConfig(n_layer=1), 512, 0),  # has no limit
    ],
)
def test_a_window_is_512_tokens_or_what_the_encoder_takes(encoder: PreTrainedConfig, size: int, first: int) -> None:
    found = windowing(encoder)
    assert (found.size, found.first_position) == (size, first)


@pytest.mark.parametrize("size", [64, 4096])
def test_a_window_can_be_chosen_up_to_what_the_encoder_takes(size: int) -> None:
    encoder = BertConfig(max_position_embeddings=4096)
    assert windowing(encoder, size=size).size == size
    with pytest.raises(AtlopError, match=r"preprocessing\.window: 4097 tokens, but the encoder takes at most 4096"):
        windowing(encoder, size=4097)


@pytest.mark.parametrize("small", [BertConfig(max_position_embeddings=3), BertConfig(vocab_size=3)])
def test_an_encoder_too_small_for_the_special_tokens_is_refused(small: BertConfig) -> None:
    with pytest.raises(AtlopError, match=r"encoder: (reads windows of 3 tokens|has 3 tokens, but .* has id 3)"):
        windowing(small)


def test_a_misspelt_setting_of_a_model_folder_is_an_error() -> None:
    with pytest.raises(ValidationError, match=r"context_poolin"):
        _ = AtlopConfig(sections={"pooling": {"context_poolin": "none"}}).model


def test_only_roberta_closes_a_window_with_two_end_tokens() -> None:
    assert window_end((2,), model_type="roberta") == [2, 2]
    assert window_end((102,), model_type="bert") == [102]


@pytest.mark.parametrize("stored", [{}, {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"LABEL_0": 0}}])
def test_the_labels_are_th_and_the_relations_whatever_is_stored(stored: dict[str, Any]) -> None:
    config = AtlopConfig(relations=["P2", "P1"], **stored)

    assert config.to_dict()["id2label"] == {0: "TH", 1: "P2", 2: "P1"}
    assert config.label2id == {"TH": 0, "P2": 1, "P1": 2}
    assert config.num_labels == config.vocabulary.classes


def test_class_ids_follow_the_order_of_the_relations() -> None:
    vocabulary = AtlopConfig(relations=["P2", "P1"], relation_names={"P1": "one"}).vocabulary
    assert [vocabulary.class_of(relation) for relation in ("P2", "P1")] == [1, 2]
    assert [vocabulary.name_of(relation) for relation in ("P2", "P1")] == ["P2", "one"]
