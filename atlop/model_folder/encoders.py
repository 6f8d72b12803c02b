"""Pretrained encoders: loaded with their tokenizers, and tried before a corpus is read."""

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from atlop.config import ModelConfig, Precision
from atlop.errors import AtlopError, listed, loading, reason_for
from atlop.model.atlop import AtlopModel, prepare_encoder
from atlop.model.configuration import AtlopConfig
from atlop.model.encoder import encode
from atlop.model_folder.checks import check_block_size, check_tokenizer, check_values, read_configuration, two_mentions
from atlop.objectives import make_objective
from atlop.preprocessing import Features, Preprocessor, SpecialTokens, TypeVocabulary, load_tokenizer
from atlop.preprocessing.windows import window_end
from atlop.schema import RelationVocabulary

logger = logging.getLogger(__name__)

SHORT = 8
"""Tokens of the shorter of the two documents that an encoder is tried with."""

CHOOSE = "choose another one, such as BERT, RoBERTa or DeBERTa"
NO_RELATIONS = RelationVocabulary(relations=(), names={})


@dataclass(frozen=True)
class Encoder:
    """An encoder that was tried, and the settings of the model to make from it."""

    name: str
    """Hugging Face name or folder."""
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    config: PreTrainedConfig
    model_config: ModelConfig

    def atlop_config(self, vocabulary: RelationVocabulary, *, types: TypeVocabulary | None = None) -> AtlopConfig:
        """Return the configuration of a model on this encoder."""
        special = SpecialTokens.from_tokenizer(self.tokenizer)
        return AtlopConfig(
            encoder=self.config.to_dict(),
            relations=list(vocabulary.relations),
            relation_names=dict(vocabulary.names),
            relation_descriptions=dict(vocabulary.descriptions) or None,
            negative_label=vocabulary.negative,
            entity_types=None if types is None else list(types.names),
            sections=self.model_config.model_dump(mode="json"),
            window_start=list(special.start),
            window_end=window_end(special.end, model_type=self.config.model_type),
        )


def load_encoder(
    name: str,
    *,
    model_config: ModelConfig | None = None,
    pretrained: bool = True,
    precision: Precision = "float32",
) -> Encoder:
    """Load an encoder and find out whether a model can be trained on it, which reads no corpus.

    Args:
        name: Hugging Face name or folder.
        model_config: Layers and settings of the model; as published by default.
        pretrained: Whether to load the encoder's weights rather than initialize them at random.
        precision: Number format of the training, which not every encoder supports.

    Raises:
        AtlopError: The encoder cannot be loaded or used, or the settings are not valid for it.
    """
    model_config = model_config or ModelConfig()
    make_objective(model_config.objective)
    check_block_size(model_config.classifier, where="")
    read_configuration(name, kind="encoder")
    with loading("encoder", name=name):
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
        if isinstance(config, AtlopConfig):
            raise AtlopError(
                f"encoder {name!r}: is an atlop model; to train it further, set trainer.start_from to it, and "
                "encoder.name to the encoder that it was made from"
            )
        if config.is_encoder_decoder:
            raise AtlopError(
                f"encoder {name!r}: is an encoder and a decoder ({config.model_type}), and only an encoder can be "
                f"used; {CHOOSE}"
            )
        model = (
            _pretrained(name)
            if pretrained
            else AutoModel.from_config(config, attn_implementation="eager", trust_remote_code=False)
        )
    tokenizer = load_tokenizer(name, kind="encoder")
    encoder = Encoder(name, prepare_encoder(model).eval(), tokenizer, config, model_config)
    _try(encoder, precision=precision)
    return encoder


def _pretrained(name: str) -> PreTrainedModel:
    """Load a pretrained encoder; missing weights, which transformers would initialize at random, are an error."""
    loaded: Any = AutoModel.from_pretrained(
        name,
        dtype=torch.float32,
        attn_implementation="eager",
        trust_remote_code=False,
        output_loading_info=True,
    )
    model: PreTrainedModel
    model, report = loaded
    if missing := sorted(name for name in report["missing_keys"] if "pooler" not in name):  # the pooler is unused
        raise AtlopError(
            f"encoder {name!r}: {len(missing)} of the weights that its config.json expects are missing: "
            f"{listed(missing)}"
        )
    return model


def _try(encoder: Encoder, *, precision: Precision) -> None:
    """Read a short document and one of the length of a window, both of random tokens.

    Raises:
        AtlopError: The encoder cannot read them or returns no attention, its tokenizer has tokens that it does not
            know or lacks a special one, or the settings are not valid for it.
    """
    check_tokenizer(encoder.tokenizer, encoder=encoder.model, where=f"encoder {encoder.name!r}")
    config = encoder.atlop_config(NO_RELATIONS)
    check_values(config, where="configuration")
    with loading("encoder", name=encoder.name), torch.device("meta"):  # for values that its configuration class accepts
        reader = AtlopModel(config)
    longest = min(reader.windowing.size, encoder.model_config.preprocessing.max_length)
    short, long = (_read(encoder, length, reader=reader) for length in (min(SHORT, longest), longest))
    if precision in ("bf16", "fp16"):  # both fail where an encoder mixes formats; the CPU is slow at either
        with torch.autocast("cpu", dtype=torch.bfloat16):
            _read(encoder, len(short), reader=reader, hint=", or set trainer.precision=float32")
    if longest > SHORT and torch.allclose(short[0], long[0], rtol=0, atol=1e-4 * float(long[0].abs().max())):
        logger.warning(
            "encoder %r (%s) is causal: no token sees what follows it, so that the marker before a mention does not "
            "see the mention; expect lower scores than from an encoder that sees both sides, such as BERT",
            encoder.name,
            encoder.config.model_type,
        )


def _read(encoder: Encoder, length: int, *, reader: AtlopModel, hint: str = "") -> Tensor:
    """Return the encoder's states of a document of random tokens, `[tokens, width]`.

    Args:
        encoder: The encoder.
        length: Length of the document in tokens.
        reader: A model on the encoder, whose weights are not read.
        hint: What else to do than to choose another encoder, for messages.
    """
    settings, expected = encoder.model_config, [length, encoder.config.hidden_size]
    batch = reader.collate([_random_features(encoder, length=length)])
    try:
        with torch.no_grad():
            states, _ = encode(
                encoder.model,
                batch,
                padding=reader.windowing.padding,
                layers_averaged=settings.encoder.layers_averaged,
                with_attention=settings.pooling.context == "localized",
            )
        if list(states.shape) != expected:
            raise ValueError(f"its states have shape {list(states.shape)} rather than {expected}")
    except AtlopError as error:
        raise AtlopError(f"{encoder.name}: {error}") from None
    except Exception as error:  # encoders raise anything
        raise AtlopError(
            f"encoder {encoder.name!r} ({encoder.config.model_type}): cannot read a document of {length} tokens: "
            f"{reason_for(error)}; {CHOOSE}{hint}"
        ) from None
    return states


def _random_features(encoder: Encoder, *, length: int) -> Features:
    """Return a document of random tokens between special ones; a shorter one has the first tokens of a longer one."""
    tokenizer = encoder.tokenizer
    preprocessor = Preprocessor.from_config(
        encoder.model_config.preprocessing.model_copy(update={"max_length": length}),
        tokenizer=tokenizer,
        vocabulary=NO_RELATIONS,
    )
    (features,) = preprocessor.preprocess([two_mentions(words=length)])
    known = sorted({*tokenizer.get_vocab().values()} - {*tokenizer.all_special_ids})
    random = np.random.default_rng(0).choice(np.array(known, dtype=np.int32), size=length)
    is_special = features.token_sentences < 0
    return replace(features, input_ids=np.where(is_special, features.input_ids, random))
