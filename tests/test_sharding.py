"""A sharded model gathers one layer at a time, whatever its encoder is made of."""

from pathlib import Path

from atlop.sharding import layers_of
from tests.tiny_encoders import every_kind, save_tiny_encoder, tiny_model


@every_kind
def test_the_layers_of_an_encoder_are_distinct_and_hold_no_other(kind: str, tmp_path: Path) -> None:
    model, _ = tiny_model(save_tiny_encoder(tmp_path, kind=kind), documents=[0])
    layers = layers_of(model.encoder)
    inside = [child for layer in layers for child in layer.modules() if child is not layer]
    assert layers
    assert not {id(layer) for layer in layers} & {id(child) for child in inside}
