import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import FORMATS, ConversionLoss, IssueCollector, Reader, read_corpus
from atlop.corpora.formats.json_lines.reader import read_json_lines
from atlop.corpora.formats.json_lines.writer import write_json_lines
from atlop.errors import AtlopError
from atlop.schema import Document, Entity, Fact, Mention

PLAIN = Document(
    title="Skai TV",
    sentences=(("Skai", "TV", "is", "Greek"), (), ("It", "is", "based", "in", "Piraeus")),
    entities=(
        Entity((Mention("Skai TV", 0, 0, 2, "ORG"), Mention("the channel", 2, 0, 1, "CHANNEL"))),
        Entity((Mention("Piraeus", 2, 4, 5, ""),)),
    ),
    facts=(Fact(0, 1, "P159", (0, 2)),),
)
"""Words only, as DocRED has them."""
FULL = Document(
    title="",
    sentences=(("B", "and", "T", "cells", "😀"),),
    entities=(
        Entity((Mention("B cells", 0, 0, 4, "Cell", ((0, 1), (8, 13))),), "C1"),
        Entity((Mention("T cells", 0, 2, 4, "Cell", ((6, 13),)), Mention("T", 0, 2, 3, "Short", ((6, 7),))), ""),
    ),
    facts=(Fact(0, 1, "Association", (), "Novel"), Fact(0, 0, "Association", (0,), "No")),
    text="B and T cells😀\n",
    offsets=(((0, 1), (2, 5), (6, 7), (8, 13), (13, 14)),),
    pairs=((0, 1),),
    directed=False,
)
"""All that a document can have."""


def written(folder: Path, *documents: Document, name: str = "out.jsonl") -> Path:
    path = folder / name
    assert not write_json_lines(path, documents=iter(documents))
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read(path: Path) -> list[Document]:
    return list(read_json_lines(path, issues=IssueCollector()))


def test_all_that_a_document_has_is_read_again(tmp_path: Path) -> None:
    documents = [FULL, replace(FULL, facts=None), replace(FULL, facts=(), pairs=None, directed=True)]

    assert read(written(tmp_path, *documents)) == documents


def test_a_document_without_text_gets_its_words_with_one_space_between(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)

    assert rows_of(path) == [
        {
            "title": "Skai TV",
            "text": "Skai TV is Greek It is based in Piraeus",
            "entities": [
                {
                    "mentions": [[0, 7], {"spans": [[17, 19]], "name": "the channel", "type": "CHANNEL"}],
                    "type": "ORG",
                },
                {"mentions": [[32, 39]]},
            ],
            "relations": [{"subject": 0, "object": 1, "relation": "P159", "evidence": [0, 2]}],
            "words": [
                [[0, 4], [5, 7], [8, 10], [11, 16]],
                [],
                [[17, 19], [20, 22], [23, 28], [29, 31], [32, 39]],
            ],
        }
    ]
    [document] = read(path)
    assert (document.sentences, document.facts) == (PLAIN.sentences, PLAIN.facts)
    assert [
        [(m.name, m.sentence, m.start, m.end, m.type) for m in entity.mentions] for entity in document.entities
    ] == [[(m.name, m.sentence, m.start, m.end, m.type) for m in entity.mentions] for entity in PLAIN.entities]


def test_words_that_are_space_or_hold_some_are_kept(tmp_path: Path) -> None:
    words = ("New York", "\xa0", " ", "\n")
    spaced = replace(PLAIN, sentences=(words,), entities=(Entity((Mention("x", 0, 1, 3, "MISC"),)),), facts=None)

    [document] = read(written(tmp_path, spaced))

    assert document.sentences == (words,)
    assert (document.entities[0].mentions[0].start, document.entities[0].mentions[0].end) == (1, 3)


def test_empty_words_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    mention = Mention("b", 0, 1, 4, "MISC")
    empty = replace(PLAIN, sentences=(("", "", "b", "", "c", ""),), entities=(Entity((mention,)),), facts=None)

    assert write_json_lines(path, documents=[empty]) == {ConversionLoss.EMPTY_WORD: 4}

    [document] = read(path)
    assert document.sentences == (("b", "c"),)
    assert document.text == "b c"
    assert document.entities[0].mentions[0] == Mention("b", 0, 0, 1, "MISC", ((0, 1),))


def test_a_mention_of_empty_words_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    empty = replace(PLAIN, sentences=(("", "b"),), entities=(Entity((Mention("x", 0, 0, 1, ""),)),), facts=None)

    with pytest.raises(AtlopError) as error:
        write_json_lines(path, documents=[PLAIN, empty])

    assert str(error.value) == (
        f'{path}, document 1 ("Skai TV"), entity 0, mention 0 ("x"): consists of empty words, so it has no characters; '
        "remove the mention, or fix the words"
    )
    assert list(tmp_path.iterdir()) == []


def test_parts_that_overlap_are_refused(tmp_path: Path) -> None:
    crossed = replace(FULL, entities=(Entity((Mention("B", 0, 0, 2, "", ((0, 3), (2, 5))),)),), facts=None, pairs=None)

    with pytest.raises(AtlopError, match=r'entity 0, mention 0 \("B"\): its spans overlap or are out of order'):
        write_json_lines(tmp_path / "out.jsonl", documents=[crossed])


def test_half_a_surrogate_pair_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"document 0 .*: has a lone surrogate, '\\ud800', which is not a char"):
        write_json_lines(tmp_path / "out.jsonl", documents=[replace(PLAIN, title="\ud800")])


def test_a_name_in_gz_is_packed(tmp_path: Path) -> None:
    packed = written(tmp_path, FULL, name="out.jsonl.gz")

    assert gzip.decompress(packed.read_bytes()) == written(tmp_path, FULL).read_bytes()
    assert read(packed) == [FULL]


def test_the_golden_documents_are_read_again_with_every_word(golden: Path, tmp_path: Path) -> None:
    documents = read_corpus(golden / "documents.json").documents

    again = read(written(tmp_path, *documents))

    assert [document.sentences for document in again] == [document.sentences for document in documents]
    assert read(written(tmp_path, *again, name="twice.jsonl")) == again


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("cdr/CDR_DevelopmentSet.PubTator.txt", FORMATS["cdr"].read),
        ("cdr/CDR_TrainingSet.PubTator.txt", FORMATS["cdr"].read),
        ("biored/Dev.PubTator", FORMATS["biored"].read),
        ("biored/Train.PubTator", FORMATS["biored"].read),
    ],
)
def test_real_texts_are_read_again_also_where_their_words_are_not_listed(
    real_data: Path, tmp_path: Path, name: str, reader: Reader
) -> None:
    issues, again = IssueCollector(), IssueCollector()
    documents = list(reader(real_data / name, issues=issues))
    path, bare = written(tmp_path, *documents), tmp_path / "bare.jsonl"
    with bare.open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps(row | {"words": None}).replace(', "words": null', "") + "\n" for row in rows_of(path)
        )

    assert list(read_json_lines(path, issues=again)) == documents
    assert read(bare) == documents
    assert (again.self_relations, again.unclassified_facts) == (issues.self_relations, issues.unclassified_facts)
