"""A format in one module: `toy`, then a sentence a line, each a document titled by its first word."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from atlop.corpora import ConversionLosses, Format, IssueCollector
from atlop.corpora.hosts import GitHubFolder
from atlop.corpora.published import PublishedCorpus, PublishedFile
from atlop.files import atomic_text, read_lines
from atlop.schema import Document


def read_toy(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    for line in islice(read_lines(path), 1, None):
        words = tuple(line.decode().split())
        yield Document(title=words[0], sentences=(words,), entities=(), facts=None)


def write_toy(path: Path, *, documents: Iterable[Document]) -> ConversionLosses:
    with atomic_text(path) as file:
        file.write("toy\n")
        file.writelines(" ".join(document.sentences[0]) + "\n" for document in documents)
    return ConversionLosses()


TOY = Format(
    "toy",
    read=read_toy,
    write=write_toy,
    matches=lambda start: start.first_line == b"toy",
    description="a first line that says toy",
    suffix=".toy",
    downloads={
        "toys": PublishedCorpus("Toys", GitHubFolder("a/b", revision="c"), (PublishedFile("toy.txt", entries=1),))
    },
)
