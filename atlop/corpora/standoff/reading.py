"""Documents of the drafts of a file."""

from collections.abc import Callable, Iterable, Iterator

from atlop.corpora.issues import IssueCollector
from atlop.corpora.standoff.draft import Draft
from atlop.errors import AtlopError
from atlop.schema import Document

_SINGLE_SHARE = 0.9  # of entities with one mention, above which the file groups next to nothing


def read_drafts(drafts: Iterable[Callable[[], Draft | None]], *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the document of each draft that is valid, and report the rest to `issues`.

    Args:
        drafts: Each returns a draft, or `None` for what is no document.
        issues: Collects invalid documents and what is left out.

    Raises:
        AtlopError: A document is invalid and `issues` is strict.
    """
    entities = single = 0
    grouped = False
    for make in drafts:
        try:
            draft = make()
            document = None if draft is None else draft.build()
        except AtlopError as problem:
            issues.add_invalid(problem)
            continue
        if draft is None or document is None:
            continue
        issues.add_duplicate_facts(draft.merged if draft.labelled else 0)
        issues.add_unmentioned_facts(draft.unmentioned)
        issues.add_unclassified_facts(document)
        issues.add_left_out(draft.left_out, skipped_relations=draft.skipped_relations)
        entities += len(document.entities)
        single += sum(len(entity.mentions) == 1 for entity in document.entities)
        grouped = grouped or draft.grouped
        yield document
    if entities and (not grouped or single > _SINGLE_SHARE * entities):
        issues.add_hint(
            f"{single:,} of {entities:,} entities ({single / entities:.0%}) have one mention, because the file does "
            "not say which others are of the same entity"
        )
