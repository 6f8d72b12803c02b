"""From text to entities: mentions of a recogniser, with the model's types, grouped by their names."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from atlop.corpora.text.entity_grouping import NamedMention, group_mentions
from atlop.errors import AtlopError, listed
from atlop.inference.mentions import named_mentions
from atlop.inference.recognisers import Recogniser, load_recogniser, recogniser_version
from atlop.model.configuration import AtlopConfig

logger = logging.getLogger(__name__)

NER_TYPES: Mapping[str, str] = {
    "PERSON": "PER",
    "NORP": "LOC",
    "FAC": "LOC",
    "GPE": "LOC",
    "PRODUCT": "MISC",
    "EVENT": "MISC",
    "WORK_OF_ART": "MISC",
    "LAW": "MISC",
    "LANGUAGE": "MISC",
    "DATE": "TIME",
    "PERCENT": "NUM",
    "MONEY": "NUM",
    "QUANTITY": "NUM",
    "CARDINAL": "NUM",
    "ORDINAL": "",
    **{name: name for name in ("PER", "ORG", "LOC", "TIME", "NUM", "MISC")},
}
"""DocRED's type for each type of OntoNotes, which spaCy's pipelines give, and of CoNLL-2003; "" leaves mentions out."""


@dataclass
class Recognition:
    """Finds the entities of texts. Another process gets it by the name of its recogniser."""

    ner: str | Recogniser
    """Name of a recogniser, as `load_recogniser` takes it, or the recogniser."""
    types: Mapping[str, str] = field(default_factory=lambda: NER_TYPES)
    """The model's type for each type of the recogniser; "" leaves such mentions out."""
    known: Set[str] | None = None
    """Types that the model reads; `None` if it reads none, so that the values of `types` are what is known."""
    _named: set[str] = field(default_factory=set, init=False)
    """Types without a partner that were logged."""

    @classmethod
    def from_config(cls, ner: str | Recogniser, config: AtlopConfig) -> "Recognition":
        """Return the recognition for a model, with its table of types.

        Raises:
            AtlopError: There is no recogniser of that name.
        """
        types = NER_TYPES if config.ner_types is None else config.ner_types
        made = cls(ner, types, None if config.entity_types is None else frozenset(config.entity_types))
        _ = made.recogniser
        return made

    @property
    def recogniser(self) -> Recogniser:
        """The recogniser; raises `AtlopError` if there is none of that name."""
        return load_recogniser(self.ner) if isinstance(self.ner, str) else self.ner

    @property
    def name(self) -> str:
        """The name of the recogniser."""
        return self.ner if isinstance(self.ner, str) else getattr(self.ner, "__qualname__", type(self.ner).__name__)

    @property
    def version(self) -> str | None:
        """What changes when the recogniser of this name does; `None` of one that has no name to load it by."""
        return recogniser_version(self.ner) if isinstance(self.ner, str) else None

    def entities(self, texts: Sequence[str], *, names: Sequence[str]) -> Iterator[list[dict[str, Any]] | AtlopError]:
        """Yield the entities of each text as JSON lines have them, or why there are none.

        Args:
            texts: Texts.
            names: What messages call each.
        """
        # spaCy keeps each word that it has ever seen, but for those of a zone.
        zone = getattr(self.recogniser, "memory_zone", nullcontext) if isinstance(self.ner, str) else nullcontext
        with zone():
            found = [
                self._read(each, text=text, name=name)
                for text, name, each in zip(texts, names, self._found(texts, names=names), strict=True)
            ]
        yield from found

    def _read(self, found: Any, *, text: str, name: str) -> list[dict[str, Any]] | AtlopError:
        try:
            if isinstance(found, AtlopError):
                raise found
            return self._entities(named_mentions(found, text=text, where=name), text=text)
        except AtlopError as error:
            return error
        except Exception as error:  # mentions of a function of anyone's, which may be generated only here
            return self._failure(error, name=name)

    def _found(self, texts: Sequence[str], *, names: Sequence[str]) -> list[Any]:
        recogniser = self.recogniser
        try:
            many = getattr(recogniser, "pipe", None)
            found = list(map(recogniser, texts) if many is None else many(texts))
            if len(found) != len(texts):
                raise ValueError(f"its pipe returned {len(found)} results for {len(texts)} texts")
            return found
        except Exception as error:  # of a function of anyone's
            if len(texts) > 1:  # so that only the text that is the cause has an error
                return [
                    each for text, name in zip(texts, names, strict=True) for each in self._found([text], names=[name])
                ]
            return [self._failure(error, name=names[0])]

    def _failure(self, error: Exception, *, name: str) -> AtlopError:
        return AtlopError(f"{name}: {self.name} failed: {type(error).__name__}: {error}")

    def _entities(self, mentions: Sequence[NamedMention], *, text: str) -> list[dict[str, Any]]:
        typed = [replace(mention, type=self._partner(mention.type)) for mention in mentions]
        kept = [mention for mention, before in zip(typed, mentions, strict=True) if mention.type or not before.type]
        entities: dict[int, list[NamedMention]] = {}
        for number, mention in zip(group_mentions(kept, text=text), kept, strict=True):
            entities.setdefault(number, []).append(mention)
        return [_entity(entities[number]) for number in sorted(entities)]

    def _partner(self, type: str) -> str:
        """Return the model's type, or the recogniser's if it has none; such types are logged once."""
        partner = self.types.get(type, type)
        known = self.types.values() if self.known is None else self.known
        if not type or not partner or partner in known:
            return partner
        if type not in self._named:
            self._named.add(type)
            logger.warning(
                "type %s of %s has no partner among the model's (%s): its mentions keep it; ner_types in the model's "
                "config.json pairs types",
                type,
                self.name,
                listed(sorted(filter(None, known))) or "none",
            )
        return type


def _entity(mentions: Sequence[NamedMention]) -> dict[str, Any]:
    """Return the entity of some mentions, with their most frequent type, as JSON lines have it."""
    types = Counter(mention.type for mention in mentions if mention.type)
    ordered = sorted(mentions, key=lambda mention: mention.spans)
    entity: dict[str, Any] = {"mentions": [{"spans": [list(span) for span in each.spans]} for each in ordered]}
    if types:
        entity["type"] = types.most_common(1)[0][0]
    identifier = next((mention.identifier for mention in ordered if mention.identifier is not None), None)
    return entity if identifier is None else entity | {"id": identifier}
