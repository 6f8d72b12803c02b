"""What a model folder says of its encoder's inputs."""

import pytest
from pydantic import ValidationError
from transformers import BertConfig, DebertaV2Config, PreTrainedConfig, RobertaConfig

from atlop.errors import AtlopError
from atlop.model import AtlopConfig
from atlop.preprocessing.windows import first_position, window_end


@pytest.mark.parametrize(
    ("encoder", "size", "first"),
    [
        (BertConfig(max_position_embeddings=512), 512, 0),
        (BertConfig(max_position_embeddings=128), 128, 0),
        (BertConfig(max_position_embeddings=4096), 512, 0),
        (RobertaConfig(max_position_embeddings=514, pad_token_id=1), 512, 2),
        (DebertaV2Config(max_position_embeddings=512), 512, 0),
    ],
)
def test_a_window_is_512_tokens_or_what_the_encoder_takes(encoder: PreTrainedConfig, size: int, first: int) -> None:
    assert AtlopConfig(encoder=encoder.to_dict()).windowing.size == size
    assert first_position(encoder) == first


@pytest.mark.parametrize("window", [64, 4096])
def test_a_window_can_be_chosen_up_to_what_the_encoder_takes(window: int) -> None:
    encoder = BertConfig(max_position_embeddings=4096).to_dict()
    assert AtlopConfig(encoder=encoder, sections={"preprocessing": {"window": window}}).windowing.size == window
    with pytest.raises(AtlopError, match=r"preprocessing\.window: 4097 tokens, but the encoder takes at most 4096"):
        _ = AtlopConfig(encoder=encoder, sections={"preprocessing": {"window": 4097}}).windowing


def test_a_misspelt_setting_of_a_model_folder_is_an_error() -> None:
    with pytest.raises(ValidationError, match=r"context_poolin"):
        _ = AtlopConfig(sections={"pooling": {"context_poolin": "none"}}).model


def test_only_roberta_closes_a_window_with_two_end_tokens() -> None:
    assert window_end((2,), model_type="roberta") == [2, 2]
    assert window_end((102,), model_type="bert") == [102]


def test_class_ids_follow_the_order_of_the_relations() -> None:
    vocabulary = AtlopConfig(relations=["P2", "P1"], relation_names={"P1": "one"}).vocabulary
    assert [vocabulary.class_of(relation) for relation in ("P2", "P1")] == [1, 2]
    assert [vocabulary.name_of(relation) for relation in ("P2", "P1")] == ["P2", "one"]
