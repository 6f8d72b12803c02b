"""PubTator files: `id|t|title`, `id|a|abstract`, then a line for each mention and each relation (also packed as `.gz`).

A document's title is its identifier, its text is title, line end and abstract. Entities are numbered by where they
stand first in the text. What differs between corpora is declared in a `PubtatorScheme`.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from atlop.corpora.formats.pubtator.lines import (
    Block,
    MentionLine,
    RelationLine,
    has_relations,
    parse_block,
    read_blocks,
)
from atlop.corpora.formats.pubtator.mesh import DescriptorTree, read_descriptors
from atlop.corpora.formats.pubtator.scheme import PubtatorScheme, load_scheme
from atlop.corpora.issues import IssueCollector
from atlop.corpora.text.plain_text import cut_text, locate_mention, parts_and_extent, slice_words
from atlop.errors import AtlopError
from atlop.schema import Document, Entity, Fact, Mention, Span


def read_cdr(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a CDR file as BioCreative V released it; see `read_pubtator`."""
    return read_pubtator(path, issues=issues, scheme=load_scheme("cdr"))


def read_biored(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a BioRED file; see `read_pubtator`."""
    return read_pubtator(path, issues=issues, scheme=load_scheme("biored"))


def read_pubtator(path: Path, *, issues: IssueCollector, scheme: PubtatorScheme) -> Iterator[Document]:
    """Yield the documents of a PubTator file.

    Documents without relations have none, but where the whole file has not one, it has no labels. A fact whose pair the
    scheme does not classify is kept, without its pair, and counted: to list it would tell at test time that it holds.

    Args:
        path: A file, also packed as `.gz`.
        issues: Is told of invalid documents, repeated facts, and facts without a classified pair.
        scheme: What differs between corpora.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    tree = read_descriptors(scheme.ancestors) if scheme.ancestors is not None else None
    labelled = has_relations(path)
    for lines in read_blocks(path):
        try:
            block = parse_block(lines, path=path, scheme=scheme)
            document = build_document(block, scheme=scheme, labelled=labelled, tree=tree)
        except AtlopError as problem:
            issues.add_invalid(problem)
        else:
            issues.add_merged(len(block.relations) - len(document.facts or ()))
            issues.add_unclassified(document)
            yield document


def build_document(
    block: Block, *, scheme: PubtatorScheme, labelled: bool, tree: DescriptorTree | None = None
) -> Document:
    """Return the document that a block of lines describes.

    Args:
        block: Its lines, taken apart.
        scheme: What differs between corpora.
        labelled: Whether a document without relations has none, or no labels.
        tree: MeSH's descriptors, where the scheme asks for them.

    Raises:
        AtlopError: A relation is of an identifier that no mention has, or a mention holds no word.
    """
    rows = sorted(block.mentions, key=lambda row: (row.spans, row.type))
    offsets = cut_text(block.text, mentions=[span for row in rows for span in parts_and_extent(row.spans)])
    entities = _entities(rows, offsets=offsets, scheme=scheme)
    facts = _facts(block.relations, entities=entities, scheme=scheme)
    return Document(
        title=block.identifier,
        sentences=slice_words(block.text, offsets),
        entities=entities,
        facts=facts if labelled else None,
        text=block.text,
        offsets=offsets,
        pairs=_pairs(entities, facts=facts, scheme=scheme, tree=tree),
        directed=scheme.directed,
    )


def _entities(
    rows: list[MentionLine], *, offsets: tuple[tuple[Span, ...], ...], scheme: PubtatorScheme
) -> tuple[Entity, ...]:
    """Gather mentions by identifier and type; a number may be a gene's and a species' alike."""
    named: dict[tuple[str, str, int], list[Mention]] = {}
    unknown = 0  # tells mentions without an identifier apart
    for row in rows:
        try:
            mention = locate_mention(row.spans, offsets=offsets, name=row.names[0], type=row.type)
        except AtlopError as problem:
            raise AtlopError(f"{row.where}: {problem}") from None
        for identifier, name in zip(row.identifiers, row.names, strict=True):
            unknown += identifier == scheme.no_identifier
            key = identifier, row.type, unknown if identifier == scheme.no_identifier else 0
            named.setdefault(key, []).append(replace(mention, name=name))
    return tuple(Entity(tuple(mentions), identifier) for (identifier, _, _), mentions in named.items())


def _facts(
    relations: tuple[RelationLine, ...], *, entities: tuple[Entity, ...], scheme: PubtatorScheme
) -> tuple[Fact, ...]:
    known: dict[str, list[int]] = {}
    for index, entity in enumerate(entities):
        if entity.identifier != scheme.no_identifier:
            known.setdefault(entity.identifier or "", []).append(index)
    facts: dict[tuple[int, int, str], Fact] = {}
    for row in relations:
        for identifier in (row.subject, row.object):
            if identifier not in known:
                raise AtlopError(
                    f'{row.where}: relation {row.relation} is of "{identifier}", but no mention has this identifier; '
                    f"the document's are {', '.join(list(known)[:8]) or '(none)'}{', …' if len(known) > 8 else ''}"
                )
        # An identifier that two types share means the one that makes a classified pair.
        choices = list(product(known[row.subject], known[row.object]))
        subject, object_ = next((pair for pair in choices if _is_classified(pair, entities, scheme)), choices[0])
        if not scheme.directed:
            subject, object_ = min(subject, object_), max(subject, object_)
        fact = Fact(subject, object_, row.relation, novelty=row.novelty)
        facts.setdefault(fact.key, fact)
    return tuple(facts.values())


def _is_classified(pair: tuple[int, int], entities: tuple[Entity, ...], scheme: PubtatorScheme) -> bool:
    subject, object_ = pair
    return subject != object_ and scheme.classifies(entities[subject].type, entities[object_].type)


def _pairs(
    entities: tuple[Entity, ...], *, facts: tuple[Fact, ...], scheme: PubtatorScheme, tree: DescriptorTree | None
) -> tuple[tuple[int, int], ...]:
    """Return the pairs that the scheme classifies, by subject and object."""
    known = [index for index, entity in enumerate(entities) if entity.identifier != scheme.no_identifier]
    pairs = [
        pair
        for pair in product(known, known)
        if (scheme.directed or pair[0] < pair[1]) and _is_classified(pair, entities, scheme)
    ]
    return tuple(pairs if tree is None else _without_ancestors(pairs, entities=entities, facts=facts, tree=tree))


def _without_ancestors(
    pairs: list[tuple[int, int]], *, entities: tuple[Entity, ...], facts: tuple[Fact, ...], tree: DescriptorTree
) -> Iterator[tuple[int, int]]:
    """Yield the pairs but those whose object is more general than an annotated object of the same subject."""
    objects: dict[int, list[str]] = {}
    for fact in facts:
        objects.setdefault(fact.subject, []).append(entities[fact.object].identifier or "")
    above = {subject: tree.ancestors(identifiers) for subject, identifiers in objects.items()}
    holding = {(fact.subject, fact.object) for fact in facts}
    for subject, object_ in pairs:
        numbers = tree.tree_numbers(entities[object_].identifier or "")
        if (subject, object_) in holding or above.get(subject, frozenset()).isdisjoint(numbers):
            yield subject, object_
