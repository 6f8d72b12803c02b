"""Small random encoders of every supported kind, saved in the format of Hugging Face."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    CONFIG_MAPPING,
    AutoModel,
    BertConfig,
    DebertaV2Config,
    ElectraConfig,
    MPNetConfig,
    PreTrainedConfig,
    RobertaConfig,
)

from atlop.config import (
    ClassifierConfig,
    EvidenceConfig,
    LayersConfig,
    Markers,
    ModelConfig,
    PoolingConfig,
    PreprocessingConfig,
)
from atlop.model import AtlopModel
from atlop.model_folder import load_encoder, new_model, preprocessor_for
from atlop.preprocessing import Batch
from tests.golden_values import CLASSIFIER, golden_documents, golden_tokenizer, golden_vocabulary

VOCABULARY_SIZE = 420
"""Tokens of the golden BERT tokenizer."""
KINDS = ("bert", "roberta", "deberta-v2", "mpnet", "electra")
each_kind = pytest.mark.parametrize("kind", KINDS)

OTHER_KINDS: dict[str, dict[str, Any]] = {
    "xlm-roberta": {"pad_token_id": 4, "max_position_embeddings": 517},
    "xlm-roberta-xl": {"pad_token_id": 1, "max_position_embeddings": 514},
    "camembert": {"pad_token_id": 1, "max_position_embeddings": 514},
    "albert": {"embedding_size": 16},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "max_position_embeddings": 512},
    "deberta": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "max_position_embeddings": 512},
    "convbert": {"embedding_size": 16},
    "modernbert": {"local_attention": 16, "global_attn_every_n_layers": 2},
    "luke": {"pad_token_id": 1, "max_position_embeddings": 514, "entity_vocab_size": 9, "entity_emb_size": 8},
    "data2vec-text": {"pad_token_id": 4, "max_position_embeddings": 300},
    "roberta-prelayernorm": {"pad_token_id": 1, "max_position_embeddings": 514},
    "ernie": {},
    "xlnet": {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48},
    "big_bird": {"attention_type": "original_full", "max_position_embeddings": 512},
}
"""Further encoders, each with what differs from BERT; those of RoBERTa's family count positions from a padding id."""
every_kind = pytest.mark.parametrize("kind", [*KINDS, *OTHER_KINDS])


def tiny_config(kind: str, *, dropout: float = 0.0) -> PreTrainedConfig:
    """Two layers of width 32 with 4 heads, for inputs of up to 512 tokens."""
    shared: dict[str, Any] = {
        "vocab_size": VOCABULARY_SIZE,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "pad_token_id": 0,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
        "initializer_range": 0.3,  # for attention that is far from uniform
    }
    match kind:
        case "bert":
            return BertConfig(**shared)
        case "roberta":
            return RobertaConfig(**shared, max_position_embeddings=513, type_vocab_size=1)
        case "deberta-v2":
            shared |= {"position_buckets": 16, "norm_rel_ebd": "layer_norm", "share_att_key": True}
            return DebertaV2Config(  # like DeBERTa-v3
                **shared,
                max_position_embeddings=512,
                relative_attention=True,
                pos_att_type=["p2c", "c2p"],
                max_relative_positions=-1,
                position_biased_input=False,
                type_vocab_size=0,
            )
        case "mpnet":  # counts positions from 2, whatever its padding id
            return MPNetConfig(**{**shared, "pad_token_id": 1}, max_position_embeddings=514)
        case "electra":
            return ElectraConfig(**shared, embedding_size=16)
    return CONFIG_MAPPING[kind](**shared | OTHER_KINDS[kind])


def save_tiny_encoder(folder: Path, *, kind: str = "bert", dropout: float = 0.0) -> str:
    """Write an encoder and the golden BERT tokenizer; return the folder's name."""
    torch.manual_seed(0)
    AutoModel.from_config(tiny_config(kind, dropout=dropout)).save_pretrained(folder)
    golden_tokenizer("bert").save_pretrained(folder)
    return str(folder)


def tiny_model(
    folder: str,
    *,
    documents: Sequence[int],
    pooling: PoolingConfig | None = None,
    classifier: ClassifierConfig = CLASSIFIER,
    markers: Markers = "word",
    layers_averaged: int = 1,
    heads: Mapping[str, dict[str, float]] = {},
    evidence: EvidenceConfig | None = None,
) -> tuple[AtlopModel, Batch]:
    """Make a model from a saved encoder; return it with a batch of golden documents."""
    torch.manual_seed(1)
    encoder = load_encoder(
        folder,
        model_config=ModelConfig(
            encoder=LayersConfig(layers_averaged=layers_averaged),
            preprocessing=PreprocessingConfig(max_length=1000, markers=markers),
            pooling=pooling or PoolingConfig(),
            classifier=classifier,
            heads=dict(heads),
            evidence=evidence or EvidenceConfig(),
        ),
    )
    model = new_model(encoder, vocabulary=golden_vocabulary())
    chosen = [golden_documents()[index] for index in documents]
    return model, model.collate(list(preprocessor_for(model, encoder.tokenizer).preprocess(chosen)))
