"""A damaged corpus is read as what it says, or refused with one message; nothing is left behind."""

import gzip
import json
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atlop.checking import CheckedFile, check
from atlop.converting import convert
from atlop.corpora import (
    FORMATS,
    Corpus,
    CorpusFile,
    read_corpus,
    read_train_facts,
    read_vocabulary,
    writable_formats,
)
from atlop.errors import AtlopError
from atlop.preprocessing import GrowingVocabulary, Preprocessor
from atlop.schema import Document
from tests.corpora.formats.samples import (
    BIOC_XML,
    BRAT_ANNOTATIONS,
    JSON_SAMPLES,
    WEBANNO,
    write_brat,
    write_tables,
)
from tests.corpora.formats.test_dwie import VALID as DWIE
from tests.corpora.formats.test_json_lines import VALID as JSON_LINES
from tests.damage import damaged_bytes, damaged_json, files_in, outcome_of
from tests.made_documents import word_tokenizer
from tests.test_cli import DOCUMENT as DOCRED

CDR = "\n".join(
    (
        "12|t|Lithium and renal or hepatic toxicity",
        "12|a|It caused toxicity (of a kind). No Li was left.",
        "12\t0\t7\tLithium\tChemical\tD008094",
        "12\t12\t37\trenal or hepatic toxicity\tDisease\tD007674|D056486\trenal toxicity|hepatic toxicity",
        "12\t48\t56\ttoxicity\tDisease\t-1",
        "12\t73\t75\tLi\tChemical\tD008094",
        "12\tCID\tD008094\tD007674",
        "",
        "13|t|Nothing here",
        "13|a|",
        "",
    )
)
BIORED = CDR.replace("Chemical", "ChemicalEntity").replace("Disease", "DiseaseOrPhenotypicFeature")
BIORED = BIORED.replace("CID\tD008094\tD007674", "Bind\tD008094\tD007674\tNovel").replace("D007674|", "D007674,")
TABLE = b"document,start,end,entity,type\na,2,12,Nella,Person\na,22,30,Siv,Firm\n"


def docbin_bytes() -> bytes:
    """Return a file of spaCy, whose compressed bytes are mostly refused, or nothing without spaCy."""
    try:
        import spacy
        from spacy.tokens import Doc, DocBin, Span
    except ImportError:
        return b""
    made = Doc(spacy.blank("xx").vocab, words=["Ann", "met", "Bo"])
    made.ents = [Span(made, 0, 1, label="P"), Span(made, 2, 3, label="P")]
    relations: Any = ("._.", "rel", None, None)
    made.user_data[relations] = {(0, 2): {"met": 1.0}}
    return bytes(DocBin(docs=[made], store_user_data=True).to_bytes())


TEXT_FILES = {
    "cdr": CDR.encode(),
    "biored": BIORED.encode(),
    "webanno": WEBANNO.encode(),
    "brat": BRAT_ANNOTATIONS.encode(),
    "bioc_xml": BIOC_XML,
    "tables": TABLE,
    "docbin": docbin_bytes(),
    "paper": (Path(__file__).parents[1] / "golden/cdr_layout.data").read_bytes(),
}
LISTED = JSON_LINES | {
    "words": [[[0, 4], [5, 7], [8, 10], [11, 16], [16, 17]], [[18, 20], [21, 23], [33, 40]]],
    "pairs": [[0, 1], [1, 0]],
    "directed": False,
}
JSON_FILES: dict[str, Any] = {
    "docred": [DOCRED, DOCRED | {"title": "Again"}],
    "jsonl": LISTED,
    "dwie": DWIE,
    **JSON_SAMPLES,
}
NAMES = {"docred": "dev.json", "jsonl": "dev.jsonl", "cdr": "dev.txt", "biored": "dev.txt", "paper": "dev.data"}
NAMES |= {"webanno": "dev.tsv", "bioc_xml": "dev.xml", "docbin": "dev.spacy"} | dict.fromkeys(JSON_SAMPLES, "dev.json")
RELATION_IDS = {"Na": 0, "P17": 1, "P131": 2}
RELATION_NAMES = {"P17": "country", "P131": "in"}
TRAIN_FACTS = [["Skai TV", "Athens", "P159"], ["Athens", "Greece", "P17"]]
TOKENIZER = word_tokenizer(["Skai", "TV", "a"])

each_json = pytest.mark.parametrize("format", sorted(JSON_FILES))
each_text = pytest.mark.parametrize("format", sorted(TEXT_FILES))


def placed(folder: Path, format: str, content: bytes, *, packed: bool = False) -> Path:
    """Write the content where a corpus of this format lies; return the corpus."""
    if format == "dwie":
        (folder / "annos").mkdir()
        (folder / "annos/DW_1.json").write_bytes(content)
        return folder / "annos"
    if format == "brat":
        return write_brat(folder / "notes", content)
    if format == "tables":
        write_tables(folder / "tables")
        (folder / "tables/mentions.csv").write_bytes(content)
        return folder / "tables"
    path = folder / (NAMES[format] + (".gz" if packed else ""))
    path.write_bytes(content)
    return path


def assert_coherent(document: Document) -> None:
    """Hold every index of a document against what it points to."""
    for entity in document.entities:
        assert entity.mentions
        for mention in entity.mentions:
            assert 0 <= mention.start < mention.end <= len(document.sentences[mention.sentence])
            assert mention.sentence >= 0
            for start, end in mention.spans:
                assert document.text is not None
                assert 0 <= start < end <= len(document.text)
    known = range(len(document.entities))
    for fact in document.facts or ():
        assert fact.subject in known
        assert fact.object in known
        assert all(sentence in range(len(document.sentences)) for sentence in fact.evidence)
    assert all(
        subject in known and object_ in known and subject != object_ for subject, object_ in document.pairs or ()
    )
    assert len({fact.key for fact in document.facts or ()}) == len(document.facts or ())
    if document.text is not None:
        assert document.offsets is not None
        cut = tuple(tuple(document.text[start:end] for start, end in words) for words in document.offsets)
        assert cut == document.sentences


def without_empty_words(document: Document) -> tuple[Any, ...]:
    """Return what JSON lines keep of a document."""
    sentences = tuple(tuple(word for word in sentence if word) for sentence in document.sentences)
    names = tuple(tuple((mention.name, mention.type) for mention in entity.mentions) for entity in document.entities)
    identifiers = tuple(entity.identifier for entity in document.entities)
    return document.title, sentences, names, identifiers, document.facts, document.pairs, document.directed


def look_at_content(content: bytes, *, format: str, packed: bool = False, recognised: bool = False) -> object:
    """Look at a corpus of a format with this content; `bioc_xml` is BioC in XML."""
    with tempfile.TemporaryDirectory() as folder:
        path = placed(Path(folder), format, content, packed=packed)
        named = None if recognised else format.removesuffix("_xml")
        return look_at(path, format=named, size=len(content))


def look_at(path: Path, *, format: str | None, size: int) -> Corpus | AtlopError:
    """Read, check, convert and preprocess a file, and hold against one another what comes of it."""
    folder = path.parent
    before = files_in(folder)
    read = outcome_of(lambda: read_corpus(path, format=format), size=size)
    skipping = CorpusFile(path, format=format, invalid="skip") if format is not None else None
    lenient = None if skipping is None else outcome_of(skipping.read, size=size)
    result = outcome_of(lambda: check(path, format=format), size=size)
    assert isinstance(result, CheckedFile)
    assert (not result.problems) == isinstance(read, Corpus), result.problems
    if isinstance(read, Corpus):
        assert lenient is None or (isinstance(lenient, Corpus) and lenient.documents == read.documents)
        for document in read.documents:
            assert_coherent(document)
        for features in Preprocessor(TOKENIZER, vocabulary=GrowingVocabulary()).preprocess(read.documents):
            assert (features.mention_positions < len(features.input_ids)).all()
        outcome_of(lambda: read_train_facts(path, format=format), size=size)
    assert files_in(folder) == before
    for target in writable_formats():
        output = folder / f"out.{target}.json"
        done = outcome_of(partial(convert, path, output, to=target, format=format), size=size)
        if isinstance(done, AtlopError):
            assert files_in(folder) == before
            continue
        assert isinstance(read, Corpus)
        if read.documents:
            again = read_corpus(output, format=target)
            if target == "jsonl":
                assert list(map(without_empty_words, again)) == list(map(without_empty_words, read))
        shutil.rmtree(output) if output.is_dir() else output.unlink()
    return read


@each_json
@given(data=st.data())
def test_json_with_changed_values(format: str, data: st.DataObject) -> None:
    content = data.draw(damaged_json(JSON_FILES[format]))
    look_at_content(content, format=format)


@each_json
@given(data=st.data())
def test_json_with_changed_bytes(format: str, data: st.DataObject) -> None:
    content = data.draw(damaged_bytes(json.dumps(JSON_FILES[format]).encode()))
    look_at_content(content, format=format)


@each_text
@given(data=st.data())
def test_text_with_changed_bytes(format: str, data: st.DataObject) -> None:
    content = data.draw(damaged_bytes(TEXT_FILES[format]))
    look_at_content(content, format=format)


@pytest.mark.parametrize("format", sorted(NAMES))
@given(data=st.data())
def test_packed_files_with_changed_bytes(format: str, data: st.DataObject) -> None:
    valid = TEXT_FILES.get(format) or json.dumps(JSON_FILES[format]).encode()
    content = data.draw(damaged_bytes(gzip.compress(valid, mtime=0)))
    look_at_content(content, format=format, packed=True)


@pytest.mark.parametrize("content", [b'[{"\xed\xa0\x80title": "Skai TV"}]', b"[" * 100_000, b" " * 3_000_000])
def test_what_no_format_is_recognised_in(content: bytes, tmp_path: Path) -> None:
    look_at(placed(tmp_path, "docred", content), format=None, size=len(content))


@given(data=st.data())
def test_files_whose_format_is_to_be_recognised(data: st.DataObject) -> None:
    format = data.draw(st.sampled_from(sorted(NAMES)))
    valid = TEXT_FILES.get(format) or json.dumps(JSON_FILES[format]).encode()
    content = data.draw(damaged_bytes(valid))
    look_at_content(content, format=format, recognised=True)


@given(content=damaged_json(RELATION_IDS), names=damaged_json(RELATION_NAMES))
@example(content=b'{"P17": ' + b"1" * 5000 + b"}", names=b"{}")
def test_relations_with_changed_values(content: bytes, names: bytes) -> None:
    look_at_relations(content, names=names)


def look_at_relations(content: bytes, *, names: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        rel2id, rel_info = Path(folder) / "rel2id.json", Path(folder) / "rel_info.json"
        rel2id.write_bytes(content)
        rel_info.write_bytes(names)
        found = outcome_of(lambda: read_vocabulary(rel2id, names=rel_info), size=len(content) + len(names))
        if not isinstance(found, AtlopError):
            assert [found.class_of(relation) for relation in found.relations] == list(range(1, found.classes))
            assert all(isinstance(found.name_of(relation), str) for relation in found.relations)
        return found


@given(content=damaged_json(TRAIN_FACTS))
def test_train_facts_with_changed_values(content: bytes) -> None:
    look_at_train_facts(content)


def look_at_train_facts(content: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.fact"
        path.write_bytes(content)
        return outcome_of(lambda: read_train_facts(path), size=len(content))


def test_every_format_is_damaged() -> None:
    assert {*TEXT_FILES, *JSON_FILES} - {"bioc_xml"} == {name for name in FORMATS if not name.startswith("dwie_")}
