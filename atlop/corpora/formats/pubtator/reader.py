"""Read PubTator: `id|t|title`, `id|a|abstract`, then a line for each mention and relation (also as `.gz`).

A document's title is its identifier; its text is title, newline and abstract. Entities are numbered by their first
mention in the text. A `PubtatorScheme` has the settings of each corpus.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from atlop.corpora.formats.pubtator.lines import (
    MentionLine,
    ParsedDocument,
    RelationLine,
    has_relations,
    parse_document_lines,
    read_document_lines,
)
from atlop.corpora.formats.pubtator.mesh import DescriptorTree, read_descriptors
from atlop.corpora.formats.pubtator.scheme import PubtatorScheme, load_scheme
from atlop.corpora.issues import IssueCollector
from atlop.corpora.text.plain_text import locate_mention, slice_words, spans_and_extent, split_text
from atlop.errors import AtlopError
from atlop.schema import Document, Entity, Fact, Mention, Span


def read_pubtator(path: Path, *, issues: IssueCollector, scheme: PubtatorScheme | str) -> Iterator[Document]:
    """Yield the documents of a PubTator file.

    If the whole file has no relations, its documents are unlabelled. Facts whose pair the scheme does not classify are
    kept and counted, but their pair is not added, because it would reveal at test time that the fact holds.

    Args:
        path: A file, also gzipped as `.gz`.
        issues: Collects invalid documents, duplicate facts, and facts without a classified pair.
        scheme: The corpus's scheme, or the name of a shipped one.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    if isinstance(scheme, str):
        scheme = load_scheme(scheme)
    tree = read_descriptors(scheme.ancestors) if scheme.ancestors is not None else None
    labelled = has_relations(path)
    types: dict[str, None] = {}  # in order of first appearance
    has_pairs = False
    for lines in read_document_lines(path):
        try:
            parsed = parse_document_lines(lines, path=path, scheme=scheme)
            document = build_document(parsed, scheme=scheme, labelled=labelled, tree=tree)
        except AtlopError as problem:
            issues.add_invalid(problem)
        else:
            issues.add_duplicate_facts(len(parsed.relations) - len(document.facts or ()))
            issues.add_unclassified_facts(document)
            types |= dict.fromkeys(entity.type for entity in document.entities)
            has_pairs = has_pairs or bool(document.pairs)
            yield document
    if types and not has_pairs and scheme.pairs is not None:
        known = ", ".join(f"{subject} → {object_}" for subject, object_ in scheme.pairs)
        issues.add_hint(
            f"no pair is classified, so no fact can be found: the scheme classifies pairs of the types {known}; the "
            f"file has {', '.join(types)}; give the scheme of this corpus with --format pubtator:SCHEME.toml"
        )


def build_document(
    parsed: ParsedDocument, *, scheme: PubtatorScheme, labelled: bool, tree: DescriptorTree | None = None
) -> Document:
    """Build a document from its parsed lines; its facts are `None` unless `labelled`.

    Raises:
        AtlopError: No mention has the identifier of a relation, or a mention has no words.
    """
    lines = sorted(parsed.mentions, key=lambda line: (line.spans, line.type))
    offsets = split_text(parsed.text, mentions=[span for line in lines for span in spans_and_extent(line.spans)])
    entities = _entities(lines, offsets=offsets, scheme=scheme)
    facts = _facts(parsed.relations, entities=entities, scheme=scheme)
    return Document(
        title=parsed.identifier,
        sentences=slice_words(parsed.text, offsets),
        entities=entities,
        facts=facts if labelled else None,
        text=parsed.text,
        offsets=offsets,
        pairs=_pairs(entities, facts=facts, scheme=scheme, tree=tree),
        directed=scheme.directed,
    )


def _entities(
    lines: list[MentionLine], *, offsets: tuple[tuple[Span, ...], ...], scheme: PubtatorScheme
) -> tuple[Entity, ...]:
    """Group mentions by identifier and type; a gene and a species may have the same number."""
    groups: dict[tuple[str, str, int], list[Mention]] = {}
    unidentified = 0  # number of mentions without an identifier, each of which is an entity
    for line in lines:
        try:
            mention = locate_mention(line.spans, offsets=offsets, name=line.names[0], type=line.type)
        except AtlopError as problem:
            raise AtlopError(f"{line.where}: {problem}") from None
        for identifier, name in zip(line.identifiers, line.names, strict=True):
            unidentified += identifier == scheme.no_identifier
            key = identifier, line.type, unidentified if identifier == scheme.no_identifier else 0
            groups.setdefault(key, []).append(replace(mention, name=name))
    return tuple(Entity(tuple(mentions), identifier) for (identifier, _, _), mentions in groups.items())


def _facts(
    relations: tuple[RelationLine, ...], *, entities: tuple[Entity, ...], scheme: PubtatorScheme
) -> tuple[Fact, ...]:
    indices: dict[str, list[int]] = {}
    for index, entity in enumerate(entities):
        if entity.identifier != scheme.no_identifier:
            indices.setdefault(entity.identifier or "", []).append(index)
    facts: dict[tuple[int, int, str], Fact] = {}
    for line in relations:
        for identifier in (line.subject, line.object):
            if identifier not in indices:
                raise AtlopError(
                    f'{line.where}: relation {line.relation} names "{identifier}", but no mention has this identifier; '
                    f"the document has {', '.join(list(indices)[:8]) or '(none)'}{', …' if len(indices) > 8 else ''}"
                )
        # If entities of two types share an identifier, the relation is taken to be that of a classified pair.
        candidates = list(product(indices[line.subject], indices[line.object]))
        subject, object_ = next((pair for pair in candidates if _is_classified(pair, entities, scheme)), candidates[0])
        if not scheme.directed:
            subject, object_ = min(subject, object_), max(subject, object_)
        fact = Fact(subject, object_, line.relation, novelty=line.novelty)
        facts.setdefault(fact.key, fact)
    return tuple(facts.values())


def _is_classified(pair: tuple[int, int], entities: tuple[Entity, ...], scheme: PubtatorScheme) -> bool:
    subject, object_ = pair
    return subject != object_ and scheme.classifies(entities[subject].type, entities[object_].type)


def _pairs(
    entities: tuple[Entity, ...], *, facts: tuple[Fact, ...], scheme: PubtatorScheme, tree: DescriptorTree | None
) -> tuple[tuple[int, int], ...]:
    """Return the pairs that the scheme classifies."""
    identified = [index for index, entity in enumerate(entities) if entity.identifier != scheme.no_identifier]
    pairs = [
        pair
        for pair in product(identified, identified)
        if (scheme.directed or pair[0] < pair[1]) and _is_classified(pair, entities, scheme)
    ]
    return tuple(pairs if tree is None else _without_ancestors(pairs, entities=entities, facts=facts, tree=tree))


def _without_ancestors(
    pairs: list[tuple[int, int]], *, entities: tuple[Entity, ...], facts: tuple[Fact, ...], tree: DescriptorTree
) -> Iterator[tuple[int, int]]:
    """Yield the pairs whose object is not more general than an annotated object of the same subject."""
    objects: dict[int, list[str]] = {}
    for fact in facts:
        objects.setdefault(fact.subject, []).append(entities[fact.object].identifier or "")
    ancestors = {subject: tree.ancestors(identifiers) for subject, identifiers in objects.items()}
    positive = {(fact.subject, fact.object) for fact in facts}
    for subject, object_ in pairs:
        numbers = tree.tree_numbers(entities[object_].identifier or "")
        if (subject, object_) in positive or ancestors.get(subject, frozenset()).isdisjoint(numbers):
            yield subject, object_
