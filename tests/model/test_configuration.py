"""What a model folder says of its encoder's inputs."""

import pytest
from transformers import BertConfig, DebertaV2Config, PreTrainedConfig, RobertaConfig

from atlop.model.configuration import AtlopConfig, first_position, window_end


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
def test_a_window_is_512_pieces_or_what_the_encoder_takes(encoder: PreTrainedConfig, size: int, first: int) -> None:
    assert AtlopConfig(encoder=encoder.to_dict()).windowing.size == size
    assert first_position(encoder) == first


def test_only_roberta_closes_a_window_with_two_end_pieces() -> None:
    assert window_end((2,), model_type="roberta") == [2, 2]
    assert window_end((102,), model_type="bert") == [102]


def test_class_ids_follow_the_order_of_the_relations() -> None:
    vocabulary = AtlopConfig(relations=["P2", "P1"], relation_names={"P1": "one"}).vocabulary
    assert [vocabulary.class_of(relation) for relation in ("P2", "P1")] == [1, 2]
    assert [vocabulary.name_of(relation) for relation in ("P2", "P1")] == ["P2", "one"]
