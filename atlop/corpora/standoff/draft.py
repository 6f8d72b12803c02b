"""A document while its reader collects mentions, groups and relations."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TypeAlias

from atlop.corpora.json_objects import check_characters
from atlop.corpora.standoff.content import Content, MarkedMention
from atlop.errors import AtlopError, listed
from atlop.schema import Document, Entity, Fact, Mention, Span

Key: TypeAlias = Hashable
"""The id of a mention in its document."""


@dataclass(slots=True)
class Group:
    """Mentions of one entity."""

    keys: tuple[Key, ...]
    identifier: str | None = None
    type: str | None = None
    """Type of the entity, if the file says it; by default that of its first mention with a type."""


@dataclass(frozen=True, slots=True)
class _Relation:
    subject: Key | Group
    object: Key | Group
    relation: str
    where: str
    novelty: str | None


@dataclass
class Draft:
    """A document while its reader collects mentions, groups and relations, in any order."""

    title: str
    content: Content
    where: str
    """File and line or document, for messages."""
    noun: str = "mention"
    """What the format calls a mention, for messages."""
    labelled: bool = True
    """Whether the document has labels, even empty ones."""
    directed: bool = True
    in_file_order: bool = False
    """Whether entities keep the order of the file, as where relations name them by index; else that of the text."""
    pairs: tuple[tuple[int, int], ...] | None = None
    """Pairs to classify, by index of the entity in the order of the file."""
    left_out: Counter[str] = field(default_factory=Counter)
    """What the reader leaves out, by kind."""
    skipped_relations: int = 0
    """Events and relations that do not have two ends."""
    unmentioned: int = 0
    """Facts left out because an entity has no mention."""
    groups: list[Group] = field(default_factory=list)
    merged: int = 0
    """Facts that were equal to others; known when the document is built."""
    grouped: bool = False
    """Whether the file groups mentions; known when the document is built."""
    _mentions: dict[Key, MarkedMention] = field(default_factory=dict)
    _empty: set[Key] = field(default_factory=set)
    _relations: list[_Relation] = field(default_factory=list)

    def mention(
        self, key: Key, *spans: Span, type: str = "", where: str | None = None, label: str | None = None
    ) -> None:
        """Add a mention.

        Args:
            key: Its id in the document.
            spans: Its spans, several if it is discontinuous.
            type: Its entity type.
            where: Its location, for messages.
            label: Its name in messages, by default `noun` and `key`.

        Raises:
            AtlopError: The id stands twice, or a span ends before it starts or exceeds the content.
        """
        where, label = where or self.where, label or f"{self.noun} {key}".strip()
        if key in self._mentions or key in self._empty:
            raise AtlopError(f"{where}: {label} stands twice in the document; give each its own id")
        for start, end in spans:
            if not 0 <= start <= end <= len(self.content):
                raise AtlopError(
                    f"{where}: {label} is at {self.content.unit}s {start} to {end}; expected a start before the end, "
                    f"both within the document's {len(self.content)}"
                )
        kept = _united(spans)
        if not self.content.text_at(kept).strip():
            self._empty.add(key)
            self.left_out["empty or blank mentions"] += 1
            return
        self._mentions[key] = MarkedMention(kept, type, where, len(self._mentions))

    def has(self, key: Key) -> bool:
        """Whether there is such a mention."""
        return key in self._mentions or key in self._empty

    def group(self, keys: Iterable[Key], *, identifier: str | None = None, type: str | None = None) -> Group:
        """Say that mentions are one entity; a mention may be in several groups, and belongs to each."""
        group = Group(tuple(dict.fromkeys(keys)), identifier, type)
        self.groups.append(group)
        return group

    def relate(
        self,
        subject: Key | Group,
        object: Key | Group,
        relation: str,
        *,
        where: str | None = None,
        novelty: str | None = None,
    ) -> None:
        """Add a relation between two mentions or entities; `where` names it in messages."""
        self._relations.append(_Relation(subject, object, relation, where or self.where, novelty))

    def build(self) -> Document:
        """Return the document.

        Raises:
            AtlopError: A relation names a mention that the document does not have, or a text is not Unicode.
        """
        groups = self._entity_groups()
        document, found = self.content.located(list(self._mentions.values()), title=self.title)
        mentions = dict(zip(self._mentions, found, strict=True))
        entities = tuple(_entity(group, [mentions[key] for key in group.keys]) for group in groups)
        facts = self._facts(groups)
        self._check_characters(entities, facts=facts)
        numbers = {id(group): number for number, group in enumerate(groups)}
        document = replace(document, entities=entities, directed=self.directed)
        document = replace(document, facts=facts if self.labelled else None)
        if self.pairs is None:
            return document
        by_order = [numbers.get(id(group)) for group in self.groups]
        pairs = [(by_order[subject], by_order[object_]) for subject, object_ in self.pairs]
        return replace(document, pairs=tuple((s, o) for s, o in pairs if s is not None and o is not None and s != o))

    def _entity_groups(self) -> list[Group]:
        """Complete the groups: each other mention is one of its own; return those with a mention."""
        for key in {key for group in self.groups for key in group.keys}:
            self._check_known(key, where=self.where)
        self.grouped = any(len(group.keys) > 1 or group.identifier is not None for group in self.groups)
        grouped = {key for group in self.groups for key in group.keys}
        self.groups += [Group((key,)) for key in self._mentions if key not in grouped]
        for group in self.groups:
            group.keys = tuple(key for key in group.keys if key in self._mentions)
            if not self.in_file_order:
                group.keys = tuple(sorted(group.keys, key=lambda key: self._mentions[key].order))
        kept = [group for group in self.groups if group.keys]
        return kept if self.in_file_order else sorted(kept, key=lambda group: self._mentions[group.keys[0]].order)

    def _check_known(self, key: Key, *, where: str) -> None:
        if key not in self._mentions and key not in self._empty:
            known, label = listed([str(known) for known in self._mentions]) or "none", f"{self.noun} {key}".strip()
            raise AtlopError(
                f"{where} names {label}, which the document does not have; fix or remove it (known: {known})"
            )

    def _facts(self, groups: Sequence[Group]) -> tuple[Fact, ...]:
        numbers: dict[Key, list[int]] = {}
        by_group: dict[int, list[int]] = {}
        for number, group in enumerate(groups):
            by_group[id(group)] = [number]
            for key in group.keys:
                numbers.setdefault(key, []).append(number)
        facts: dict[tuple[int, int, str], Fact] = {}
        count = 0
        for relation in self._relations:
            ends = []
            for end in (relation.subject, relation.object):
                if isinstance(end, Group):
                    ends.append(by_group.get(id(end), []))
                else:
                    self._check_known(end, where=relation.where)
                    ends.append(numbers.get(end, []))
            self.unmentioned += not (ends[0] and ends[1])
            for subject, object_ in product(*ends):
                if not self.directed:
                    subject, object_ = min(subject, object_), max(subject, object_)
                fact = Fact(subject, object_, relation.relation, novelty=relation.novelty)
                facts.setdefault(fact.key, fact)
                count += 1
        self.merged = count - len(facts)
        return tuple(facts.values())

    def _check_characters(self, entities: Iterable[Entity], *, facts: Iterable[Fact]) -> None:
        strings = [self.title, self.content.text, *(fact.relation for fact in facts)]
        for entity in entities:
            strings += [entity.identifier or "", *(mention.type for mention in entity.mentions)]
        check_characters("\n".join(strings), where=self.where)


def _united(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Return spans in the order of the text, those that overlap as one; empty ones are left out."""
    united: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if united and start < united[-1][1]:
            united[-1] = united[-1][0], max(end, united[-1][1])
        else:
            united.append((start, end))
    return tuple(united)


def _entity(group: Group, mentions: list[Mention]) -> Entity:
    type_ = group.type or next((mention.type for mention in mentions if mention.type), "")
    entity = Entity(tuple(mentions), group.identifier)
    return entity if entity.type == type_ else replace(entity, own_type=type_)


def merged_sets(sets: Iterable[Iterable[Key]]) -> list[tuple[Key, ...]]:
    """Merge sets that share a member, in the order of their first members."""
    merged: list[dict[Key, None]] = []
    for each in sets:
        new = dict.fromkeys(each)
        sharing = [group for group in merged if not new.keys().isdisjoint(group)]
        merged = [group for group in merged if new.keys().isdisjoint(group)]
        merged.append({key: None for group in (*sharing, new) for key in group})
    return [tuple(group) for group in merged]
