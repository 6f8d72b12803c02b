"""Recognisers: what finds the mentions of a text, by a name that every process can load it by."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from atlop.errors import AtlopError, listed, loading
from atlop.files import file_sha256

Recogniser: TypeAlias = Callable[[str], Any]
"""Takes a text, and returns its mentions in any of the forms that `named_mentions` takes: a pipeline of spaCy, a
token-classification pipeline of transformers, or a function of one's own. If it has a method `pipe`, as spaCy's have,
that gets many texts at once."""

_NER_ALONE = frozenset({"tok2vec", "transformer", "ner"})
_UNUSED = frozenset({"tagger", "morphologizer", "parser", "senter", "attribute_ruler", "lemmatizer"})
"""Components of spaCy that `ner` does not need; others may need them."""
_MAX_LENGTH = 512
"""Tokens that most encoders read at once, for tokenizers that do not say."""


@cache
def load_recogniser(name: str) -> Recogniser:
    """Load a recogniser, once in each process.

    Args:
        name: `spacy:NAME`, a package or a folder of spaCy; `transformers:NAME`, a folder or a name on the Hugging Face
            hub; or `MODULE:FUNCTION`, a function of a module that Python finds.

    Raises:
        AtlopError: There is none of that name, or what it needs is not installed.
    """
    kind, _, rest = name.partition(":")
    if not kind or not rest:
        raise AtlopError(f"ner {name!r}: expected spacy:NAME, transformers:NAME or MODULE:FUNCTION")
    return _LOADERS.get(kind, _function)(name)


def recogniser_version(name: str) -> str:
    """Return what changes when a recogniser does.

    Args:
        name: As in `load_recogniser`.

    Returns:
        The sha256 of its files, which of a function are its module alone; the commit of a model on the hub; "" for a
        module without a file.

    Raises:
        AtlopError: There is none of that name, or a file cannot be read.
    """
    kind, _, rest = name.partition(":")
    recogniser: Any = load_recogniser(name)
    match kind:
        case "spacy":
            path = recogniser.path
        case "transformers":
            if not Path(rest).is_dir():
                return str(recogniser.model.config._commit_hash)
            path = rest
        case _:
            path = getattr(import_module(kind), "__file__", None)
    return file_sha256(Path(path)) if path else ""


def _spacy(name: str) -> Recogniser:
    try:
        import spacy
    except ImportError:
        raise AtlopError(f"ner {name!r}: needs spaCy, not installed here: pip install 'atlop[spacy]'") from None
    try:
        nlp = spacy.load(name.partition(":")[2])
    except Exception as error:  # a damaged folder raises many types
        known = listed(sorted(spacy.util.get_installed_models())) or "none"
        reason = str(error).partition("\n")[0]
        raise AtlopError(f"ner {name!r}: cannot be loaded ({reason}); pipelines that are installed: {known}") from None
    factories = {pipe: nlp.get_pipe_meta(pipe).factory for pipe in nlp.pipe_names}
    if set(factories.values()) <= _NER_ALONE | _UNUSED:
        nlp.select_pipes(disable=[pipe for pipe, factory in factories.items() if factory in _UNUSED])
    recogniser: Recogniser = nlp
    return recogniser


def _transformers(name: str) -> Recogniser:
    from transformers import AutoTokenizer, pipeline

    folder = name.partition(":")[2]
    with loading("ner", name=folder):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        tokenizer.model_max_length = min(tokenizer.model_max_length, _MAX_LENGTH)
        recogniser: Recogniser = pipeline(
            "token-classification",
            model=folder,
            tokenizer=tokenizer,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
            device="cpu",  # beside the model, whose device may be full
            aggregation_strategy="first",  # never a part of a word
            stride=tokenizer.model_max_length // 4,  # a longer text is read in windows
        )
    return recogniser


def _function(name: str) -> Recogniser:
    module, _, attribute = name.partition(":")
    try:
        function: Any = getattr(import_module(module), attribute)
    except Exception as error:  # of the module, too
        raise AtlopError(f"ner {name!r}: cannot be imported: {type(error).__name__}: {error}") from None
    if not callable(function):
        raise AtlopError(f"ner {name!r}: is not a function")
    recogniser: Recogniser = function
    return recogniser


_LOADERS: dict[str, Callable[[str], Recogniser]] = {"spacy": _spacy, "transformers": _transformers}
