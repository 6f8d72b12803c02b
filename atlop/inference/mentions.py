"""Mentions in the forms in which people, NER systems and spaCy give them."""

import re
from typing import Any, TypeAlias

from atlop.corpora.formats.json_lines.grouping import joined_tokens, mention_spans, type_of
from atlop.corpora.text.entity_grouping import NamedMention
from atlop.json_values import as_json_value, expect, optional
from atlop.schema import Span

Cluster: TypeAlias = tuple[Span, ...]
CLUSTERS = "coref_clusters"
"""Coreference clusters are the span groups whose names begin with this (`spacy-experimental`), and the lists of
`(start, end)` in characters in the extension attribute of this name (`fastcoref`)."""

_NAME = re.compile(r"\s*(?:the\s+)?(\S.*?)(?:\s*['’]s)?\s*", re.DOTALL)


def without_spans(entities: object) -> object:
    """Return entities with each span of spaCy, ungrouped or in a list of mentions, as a mention in JSON lines."""
    if not isinstance(entities, list | tuple):
        return entities
    return [[*map(_mention, each)] if isinstance(each, list | tuple) else _mention(each) for each in entities]


def named_mentions(found: Any, *, text: str, where: str) -> list[NamedMention]:
    """Return what a recogniser finds in a text, once each, without space, article and possessive ending.

    Args:
        found: A document of spaCy, or mentions: its spans, objects as in JSON lines (`cluster` may name a coreference
            cluster), `(start, end)`, or what transformers' NER pipeline returns.
        text: The text.
        where: The document, for messages.

    Raises:
        AtlopError: A mention is malformed or not within the text.
    """
    if hasattr(found, "ents"):
        found = _doc_mentions(found)
    items, _ = joined_tokens(as_json_value([_mention(item) for item in found]), text=text, where=where)
    mentions: dict[tuple[Span, ...], NamedMention] = {}
    for index, item in enumerate(items):
        location = f"{where}, mention {index}"
        record: dict[str, Any] = {"spans": [item]} if isinstance(item, list) else expect(item, dict, where=location)
        spans = tuple(_stripped(span, text=text) for span in mention_spans(record, text=text, where=location))
        if all(start < end for start, end in spans):
            type_, identifier = type_of(record, where=location) or "", optional(record, "id", str, where=location)
            mentions.setdefault(spans, NamedMention(spans, type_, identifier, record.get("cluster")))
    return list(mentions.values())


def coreference_clusters(doc: Any) -> list[Cluster]:
    """Return the character spans of each coreference cluster of a document of spaCy."""
    groups = [group for name, group in doc.spans.items() if name.startswith(CLUSTERS)]
    clusters = [tuple((span.start_char, span.end_char) for span in group) for group in groups]
    if doc.has_extension(CLUSTERS):
        clusters += [tuple((start, end) for start, end in cluster) for cluster in doc._.get(CLUSTERS) or ()]
    return clusters


def _doc_mentions(doc: Any) -> list[dict[str, Any]]:
    """Return the entities of a document of spaCy, and what else is in their coreference clusters, such as pronouns."""
    clusters = coreference_clusters(doc)
    cluster_of = {span: number for number, cluster in enumerate(clusters) for span in cluster}
    mentions = {(ent.start_char, ent.end_char): _mention(ent) for ent in doc.ents}
    named = {number for span, number in cluster_of.items() if span in mentions}
    others = {
        (start, end): {"start": start, "end": end} for start, end in cluster_of if cluster_of[start, end] in named
    }
    return [mention | {"cluster": cluster_of.get(span)} for span, mention in (others | mentions).items()]


def _mention(value: Any) -> Any:
    """Return a span of spaCy, known by its attributes, as a mention; other values unchanged."""
    if not hasattr(value, "start_char"):
        return value
    mention = {"start": value.start_char, "end": value.end_char, "type": value.label_}
    return mention | ({"id": value.kb_id_} if value.kb_id_ else {})


def _stripped(span: Span, *, text: str) -> Span:
    """Return a span without space, article and possessive ending, which most corpora leave out of names."""
    found = _NAME.fullmatch(text, *span)
    return found.span(1) if found else (span[0], span[0])
