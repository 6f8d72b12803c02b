"""The heads that a model can have."""

from pydantic import ValidationError
from torch import nn

from atlop.config import ModelConfig, registered
from atlop.config_files import validation_problems
from atlop.errors import AtlopError
from atlop.model.evidence import Evidence
from atlop.model.head import Head, HeadConfig

HEADS: dict[str, type[Head]] = {"evidence": Evidence}
"""Heads by name. A section `[heads.NAME]` of the configuration adds one to the model; every model with localized
context has `evidence`, described by the section `[evidence]`."""


def make_heads(settings: ModelConfig, *, width: int, context_width: int) -> nn.ModuleDict:
    """Return the heads of a model by name; see `Head` for the widths.

    Raises:
        AtlopError: A head is not known, its name is taken, or one of its parameters is not valid.
    """
    heads = nn.ModuleDict()
    widths = {"width": width, "context_width": context_width}
    if context_width:
        heads["evidence"] = Evidence("evidence", **widths, config=HeadConfig(weight=settings.evidence.weight))
    elif settings.evidence.weight:
        raise AtlopError('evidence.weight: evidence is part of the context; set pooling.context = "localized"')
    for name, parameters in settings.heads.items():
        if name == "evidence":
            raise AtlopError("heads.evidence: the section [evidence] describes this head; set evidence.weight")
        if name in ("relation", "distillation") or hasattr(heads, name):
            raise AtlopError(f"heads.{name}: the name is taken; give the head another one")
        head = registered(HEADS, name, key="heads")
        try:
            config = head.config_class.model_validate(parameters)
        except ValidationError as error:
            problems = validation_problems(error, model=head.config_class, prefix=f"heads.{name}")
            raise AtlopError("; ".join(problems)) from None
        heads[name] = head(name, **widths, config=config)
    return heads
