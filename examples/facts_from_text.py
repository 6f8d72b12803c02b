"""Find facts in text with the sample model, which comes with the package and knows an invented world.

Shows the three ways to give entities (grouped, from an NER system, as JSON), one text and a stream of texts, and what
can be done with facts. Takes seconds, most of them to import PyTorch.

    python examples/facts_from_text.py
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from atlop import RelationExtractor, sample
from atlop.inference import ExtractionError

TEXT = (
    "Paul Gettard was born in Jiststead. Paul Gettard wed Ursula Wergow. The couple had a daughter, Laura Gettard. An "
    "old road leads from Jiststead to Skalnthorpe, where Laura Gettard was born."
)
NAME = re.compile(r"\b(?!The\b|An\b)[A-Z]\w+(?: [A-Z]\w+)*")


def find_names(text: str) -> Iterator[dict[str, Any]]:
    """Yield the capitalised names of a text: a stand-in for an NER system.

    spaCy's `doc.ents` and the output of transformers' NER pipeline can be given to the extractor as they are.
    """
    for match in NAME.finditer(text):
        yield {"start": match.start(), "end": match.end()}


def main() -> None:
    """Print facts."""
    extractor = RelationExtractor.from_pretrained("sample")  # or the folder of a run, or a name on the hub

    print("One text, with its entities: a list of mentions each, by their characters")
    for fact in extractor(TEXT, [[(0, 12), (36, 48)], [(25, 34), (134, 143)], [(95, 108), (166, 179)], [(147, 158)]]):
        print(f"  {fact.subject.name} | {fact.relation_name} | {fact.object.name} | margin {fact.margin:.2f}")

    print("The same with ungrouped mentions; those of identical text are one entity")
    for fact in extractor(TEXT, list(find_names(TEXT))):
        print(f"  {fact}")

    print("A stream of documents, in batches; a result each, an error for one that is invalid")
    documents = [json.loads(line) for line in sample.TEXTS.read_text(encoding="utf-8").splitlines()[:4]]
    documents.append({"title": "broken", "text": "Short.", "entities": [[[0, 100]]]})
    for result in extractor.pipe(documents):
        if isinstance(result, ExtractionError):
            print(f"  {result.message}")
        else:
            surest = max(result, key=lambda fact: fact.margin)
            print(f"  {result.title}: {len(result)} facts, of which the surest is {surest}")


if __name__ == "__main__":
    main()
