"""spaCy's DocBin with relations, read as spaCy writes it and written as spaCy reads it."""

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import find_writer, read_corpus
from atlop.errors import AtlopError
from atlop.schema import Document, Fact
from tests.corpora.formats.described import described, issues_of, read
from tests.corpora.formats.samples import write_brat

spacy = pytest.importorskip("spacy")

RELATIONS: Any = ("._.", "rel", None, None)
ENTITIES = ["PER: Runa Vik", "ORG: Lofot Fish", "PER: Jon"]


def doc(*, spaces: bool = True, relations: dict[Any, Any] | None = None) -> Any:
    from spacy.tokens import Doc, Span

    words = ["Runa", "Vik", "of", "Lofot", "Fish", "met", "Jon", ".", "Yes"]
    made = Doc(spacy.blank("en").vocab, words=words, spaces=[True] * 6 + [False, True, False] if spaces else None)
    made.ents = [Span(made, first, end, label) for first, end, label in ((0, 2, "PER"), (3, 5, "ORG"), (6, 7, "PER"))]
    if relations is not None:
        made.user_data[RELATIONS] = relations
    return made


def write(path: Path, *docs: Any, store: bool = True) -> Path:
    from spacy.tokens import DocBin

    DocBin(docs=docs, store_user_data=store).to_disk(path)
    return path


def test_values_above_a_half_are_facts(tmp_path: Path) -> None:
    values = {(0, 3): {"WORKS": 1.0, "MET": 0.5}, (0, 0): {"WORKS": 0.0}, (6, 0): {"WORKS": 0.1, "MET": 0.7}}
    path = write(tmp_path / "a.spacy", doc(relations=values), doc(relations={}))

    assert read(path) == [(ENTITIES, ["Runa Vik > WORKS > Lofot Fish", "Jon > MET > Runa Vik"]), (ENTITIES, [])]
    [first, _] = read_corpus(path)
    assert (first.title, first.text, first.pairs) == ("document 0", "Runa Vik of Lofot Fish met Jon. Yes", None)


def test_sentences_are_spacys_where_it_has_them(tmp_path: Path) -> None:
    made = doc(relations={})
    made[6].is_sent_start = True

    [document] = read_corpus(write(tmp_path / "a.spacy", made))

    assert [len(words) for words in document.sentences] == [6, 3]


def test_without_relations_or_spaces_it_is_words_and_entities(tmp_path: Path) -> None:
    path = write(tmp_path / "a.spacy", doc(spaces=False, relations={(0, 3): {"X": 1.0}}), store=False)

    assert read(path) == [(ENTITIES, None)]
    assert any("store_user_data=True" in hint for hint in issues_of(path).hints)


def test_unknown_spaces_leave_no_text(tmp_path: Path) -> None:
    from spacy.tokens import Doc

    made = Doc(spacy.blank("en").vocab, words=["Jon", "left"])
    made.has_unknown_spaces = True

    [document] = read_corpus(write(tmp_path / "a.spacy", made))

    assert (document.text, document.sentences) == (None, (("Jon", "left"),))


@pytest.mark.parametrize(
    ("relations", "problem"),
    [
        ({(1, 3): {"X": 1.0}}, "document 0: doc._.rel names word 1, at which no entity begins"),
        ({3: {"X": 1.0}}, "doc._.rel has the key 3"),
        ([], r"doc._.rel is \[\]"),
    ],
)
def test_an_invalid_document_says_what(tmp_path: Path, relations: Any, problem: str) -> None:
    with pytest.raises(AtlopError, match=problem):
        read(write(tmp_path / "a.spacy", doc(relations=relations)))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match="cannot be read as spaCy's DocBin"):
        read(tmp_path / "a.spacy", b"x\x9c damaged")


def test_a_file_that_unpacks_to_far_more_than_texts_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match="bytes unpack to more than"):
        read(tmp_path / "a.spacy", zlib.compress(bytes(50_000_000)))


def written(path: Path, *documents: Document) -> tuple[list[Any], dict[str, int]]:
    """Write documents; return spaCy's, and what was lost."""
    from spacy.tokens import DocBin

    losses = find_writer(path, format="docbin")(path, documents=documents)
    made = list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))
    return made, {kind.value: count for kind, count in losses.items()}


def test_spacy_reads_what_is_written(tmp_path: Path) -> None:
    [document] = read_corpus(write_brat(tmp_path / "in"))

    [made], losses = written(tmp_path / "a.spacy", document)

    assert made.text == document.text
    assert [(ent.text, ent.label_) for ent in made.ents] == [
        ("Nella Brun", "Person"),
        ("Siv Line", "Firm"),
        ("She", "Person"),
        ("Arnfjord", "Place"),
    ]
    relations = made.user_data[RELATIONS]
    assert len(relations) == 4 * 3
    assert [pair for pair, values in relations.items() if values["owns"]] == [(made.ents[0].start, made.ents[1].start)]
    assert relations[made.ents[2].start, made.ents[3].start] == {"lives": 1.0, "owns": 0.0}
    assert losses == {"entities of several mentions, kept as one each": 1}
    assert read(tmp_path / "a.spacy")[0][1] == ["Nella Brun > owns > Siv Line", "She > lives > Arnfjord"]


def test_mentions_without_a_type_stay_with_their_facts(tmp_path: Path) -> None:
    [document] = read_corpus(write_brat(tmp_path / "in"))
    entities = tuple(
        replace(entity, mentions=tuple(replace(mention, type="") for mention in entity.mentions))
        for entity in document.entities
    )

    [made], losses = written(tmp_path / "a.spacy", replace(document, entities=entities))

    assert [ent.label_ for ent in made.ents] == ["Entity"] * 4
    assert read(tmp_path / "a.spacy")[0][1] == ["Nella Brun > owns > Siv Line", "She > lives > Arnfjord"]
    assert losses == {
        "entities of several mentions, kept as one each": 1,
        "names of types and relations, kept in another form": 4,
    }


def test_overlapping_mentions_and_documents_without_labels(tmp_path: Path) -> None:
    annotations = "T1\tFirm 18 30\tthe Siv Line\nT2\tPerson 22 25\tSiv\nT3\tPlace 45 53\tArnfjord\n"
    [document] = read_corpus(write_brat(tmp_path / "in", annotations))

    [made, labelled], losses = written(
        tmp_path / "a.spacy", document, replace(document, facts=(Fact(0, 1, "x"), Fact(2, 0, "y")), directed=False)
    )

    assert [ent.text for ent in made.ents] == ["the Siv Line", "Arnfjord"]
    assert RELATIONS not in made.user_data
    assert {pair for pair, values in labelled.user_data[RELATIONS].items() if values["y"]} == {(4, 11), (11, 4)}
    assert losses["mentions that overlap others, with their facts"] == 2
    assert described(read_corpus(tmp_path / "a.spacy").documents[0])[1] is None
