"""Without entities, those that a recogniser finds are read, with the model's types and grouped by name."""

import logging
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from atlop.errors import AtlopError
from atlop.files import file_sha256
from atlop.inference import Extraction, ExtractionError, RelationExtractor, recognition
from atlop.inference.mentions import named_mentions
from atlop.inference.recognition import Recognition
from tests.inference.recognisers import known_names

TEXT = "Lucia Vestergaard founded the archive of Port Lockroy. Vestergaard left Port Lockroy in 2006."
ENTITIES = [
    {"mentions": [[0, 17], [55, 66]], "type": "PER"},
    {"mentions": [[41, 53], [72, 84]], "type": "LOC"},
]
NAME = "tests.inference.recognisers:known_names"


@pytest.fixture(scope="module")
def reader(model_folder: Path) -> RelationExtractor:
    return RelationExtractor.from_pretrained(model_folder, ner=NAME)


def spans(recognition: Recognition, text: str) -> list[tuple[str, list[str]]]:
    """Return the type of each entity, and the text of its mentions."""
    [found] = recognition.entities([text], names=["the text"])
    assert not isinstance(found, AtlopError)
    return [
        (entity.get("type", ""), [text[start:end] for each in entity["mentions"] for start, end in each["spans"]])
        for entity in found
    ]


def test_spacy_forgets_the_words_of_texts_that_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    spacy = pytest.importorskip("spacy", reason="needs spaCy: pip install 'atlop[spacy]'")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Lucia Vestergaard"}])
    monkeypatch.setattr(recognition, "load_recogniser", lambda name: pipeline)
    recogniser = Recognition("spacy:own")
    assert spans(recogniser, "Lucia Vestergaard met a first stranger.") == [("PER", ["Lucia Vestergaard"])]
    words = len(pipeline.vocab.strings)
    assert spans(recogniser, "Lucia Vestergaard met unheardofwords.") == [("PER", ["Lucia Vestergaard"])]
    assert len(pipeline.vocab.strings) == words


def test_a_text_alone_has_the_facts_of_the_entities_in_it(reader: RelationExtractor) -> None:
    expected = reader(TEXT, ENTITIES)

    assert expected
    assert reader(TEXT) == expected
    assert [*reader.pipe([TEXT, {"text": TEXT, "title": "the text"}])][1].as_json() == expected.as_json() | {
        "document": 1
    }


def test_given_entities_are_kept_and_none_are_none(reader: RelationExtractor) -> None:
    alone, given, empty = reader.pipe([TEXT, {"text": TEXT, "entities": ENTITIES[:1]}, {"text": TEXT, "entities": []}])

    assert isinstance(alone, Extraction)
    assert alone.facts
    assert given == Extraction(1, "document 1", (), 0)
    assert empty == Extraction(2, "document 2", (), 0)


@pytest.mark.parametrize("text", ["", " \n ", "Nothing is named here.", "\ufeff", "a" * 5000])
def test_a_text_without_mentions_has_no_facts(reader: RelationExtractor, text: str) -> None:
    assert len(reader(text)) == 0


def test_without_a_recogniser_a_text_alone_is_an_error(extractor: RelationExtractor) -> None:
    with pytest.raises(
        AtlopError, match='the text: key "entities" is missing; give the mentions of the text, or a rec'
    ):
        extractor(TEXT)


def test_a_text_that_breaks_the_recogniser_is_an_error_in_its_place(reader: RelationExtractor) -> None:
    first, broken, last = reader.pipe([TEXT, "unreadable", TEXT])

    assert first.as_json()["facts"] == last.as_json()["facts"] != []
    assert broken == ExtractionError(1, f"document 1: {NAME} failed: RuntimeError: a text that breaks it")


def test_a_recogniser_that_returns_no_mentions_or_too_few_results_is_an_error_in_its_place() -> None:
    class Dropping:
        """Drops the second text."""

        def pipe(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
            return [[(0, 5)] for text in texts if text != "Second"]

        def __call__(self, text: str) -> None:
            """Is not called."""

    def nothing(text: str) -> object:
        return None if text == "Second" else [(0, 5)]

    def unhashable(text: str) -> object:
        return [{"start": 0, "end": 5, "cluster": [] if text == "Second" else 1}]

    def generated(text: str) -> Iterator[tuple[int, int]]:
        yield (0, 5)
        if text == "Second":
            raise KeyError(text)

    reasons: list[tuple[Any, str]] = [
        (Dropping(), "ValueError: its pipe returned 0 results for 1 texts"),
        (nothing, "TypeError: 'NoneType' object is not iterable"),
        (unhashable, "TypeError: "),
        (generated, "KeyError: "),
    ]
    for ner, reason in reasons:
        first, second, third = Recognition(ner).entities(["First", "Second", "Third"], names=["a", "b", "c"])

        assert first == third == [{"mentions": [{"spans": [[0, 5]]}]}]
        assert isinstance(second, AtlopError)
        assert str(second).startswith("b: ")
        assert f" failed: {reason}" in str(second)


def test_a_function_of_ones_own_may_return_mentions_in_any_form() -> None:
    forms: list[Any] = [
        [(0, 17), (41, 53)],
        [{"start": 0, "end": 17, "type": "PER"}, {"spans": [[41, 53]], "type": "LOC"}],
        [
            {"entity": "B-PER", "word": "Lucia", "score": 0.9, "start": 0, "end": 5},
            {"entity": "I-PER", "word": "Vestergaard", "score": 0.9, "start": 6, "end": 17},
            {"entity": "B-LOC", "word": "Port Lockroy", "score": 0.9, "start": 41, "end": 53},
        ],
    ]
    for form in forms:
        found = named_mentions(form, text=TEXT, where="the text")
        assert [mention.spans for mention in found] == [((0, 17),), ((41, 53),)]
        assert [mention.type for mention in found] in (["", ""], ["PER", "LOC"])


def test_mentions_lose_the_space_around_them_and_come_once() -> None:
    found = named_mentions([(17, 18), (0, 18), (0, 17)], text=TEXT, where="the text")

    assert [mention.spans for mention in found] == [((0, 17),)]


@pytest.mark.parametrize("wrong", [[(0, 1000)], [{"start": 3}], [None], ["Lucia"], [{"start": 5, "end": 3}]])
def test_malformed_mentions_name_their_document(wrong: list[Any]) -> None:
    [found] = Recognition(lambda _: wrong).entities([TEXT], names=["texts.jsonl, line 3"])

    assert isinstance(found, AtlopError)
    assert str(found).startswith("texts.jsonl, line 3, mention 0")


def test_types_are_those_of_the_model_and_one_without_a_partner_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    types = {"GPE": "place", "PERSON": "person", "LOC": ""}
    text = "Port Lockroy, Lucia Vestergaard, Goudier Island"
    recognition = Recognition(known_names, types)

    assert spans(recognition, text) == [("place", ["Port Lockroy"]), ("person", ["Lucia Vestergaard"])]
    assert not caplog.records

    partial = Recognition(known_names, {"GPE": "place"}, known={"place"})
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert [type_ for type_, _ in spans(partial, text)] == ["place", "PERSON", "LOC"]
    assert [record.message.split(" has ")[0] for record in caplog.records] == [
        "type PERSON of known_names", "type LOC of known_names",
    ]  # fmt: skip
    assert "(place)" in caplog.text
    assert "ner_types in the model's config.json" in caplog.text


def test_the_table_of_types_is_kept_with_the_model(reader: RelationExtractor, tmp_path: Path) -> None:
    reader.model.config.ner_types = {"PERSON": "human", "GPE": "town"}
    try:
        reader.save_pretrained(tmp_path / "model")
    finally:
        reader.model.config.ner_types = None

    loaded = RelationExtractor.from_pretrained(tmp_path / "model", ner=known_names)

    assert {fact.subject.type for fact in loaded(TEXT)} | {fact.object.type for fact in loaded(TEXT)} == {
        "human",
        "town",
    }


def test_a_damaged_table_of_types_is_refused(model_folder: Path, tmp_path: Path) -> None:
    import json
    import shutil

    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    row = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(row | {"ner_types": {"GPE": 1}}), encoding="utf-8")

    with pytest.raises(AtlopError, match="ner_types"):
        RelationExtractor.from_pretrained(folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("en_core_web_sm", "expected spacy:NAME, transformers:NAME or MODULE:FUNCTION"),
        ("spacy:", "expected spacy:NAME"),
        ("spacy:no_such_pipeline", "cannot be loaded .*; pipelines that are installed: "),
        ("transformers:/no/such/folder", "ner '/no/such/folder' cannot be loaded"),
        ("no_such_module:find", "cannot be imported: ModuleNotFoundError"),
        ("tests.inference.recognisers:no_such_function", "cannot be imported: AttributeError"),
        ("tests.inference.recognisers:TYPES", "is not a function"),
    ],
)
def test_a_recogniser_that_does_not_exist_is_refused_at_once(model_folder: Path, name: str, message: str) -> None:
    if name == "spacy:no_such_pipeline":
        pytest.importorskip("spacy", reason="needs spaCy: pip install 'atlop[spacy]'")
    with pytest.raises(AtlopError, match=message):
        RelationExtractor.from_pretrained(model_folder, ner=name)


def test_an_extractor_takes_its_recogniser_to_another_process(reader: RelationExtractor) -> None:
    assert pickle.loads(pickle.dumps(reader))(TEXT) == reader(TEXT)


def test_the_version_of_a_recogniser_changes_with_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "own_recogniser.py"
    module.write_text("def find(text):\n    return []\n", encoding="utf-8")
    recognition = Recognition("own_recogniser:find")
    before = recognition.version

    module.write_text("def find(text):\n    return [(0, 1)]\n", encoding="utf-8")

    assert before
    assert recognition.version not in (before, "")
    assert Recognition("builtins:len").version == ""
    assert Recognition(known_names).version is None


# spaCy and transformers


def test_a_pipeline_of_spacy_is_a_recogniser_and_its_clusters_are_entities(model_folder: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="needs spaCy: pip install 'atlop[spacy]'")
    nlp = spacy.blank("en")
    labels = {"Ada Mor": "PERSON", "Mor": "PERSON", "Ulm": "GPE"}
    nlp.add_pipe("entity_ruler").add_patterns([{"label": labels[name], "pattern": name} for name in labels])
    text = "Ada Mor lives in Ulm. She likes it. Mor left Ulm, and she came back."
    doc = nlp(text)
    she = [token.i for token in doc if token.text in ("She", "she")]
    doc.spans["coref_clusters_1"] = [doc.ents[0], doc[she[0] : she[0] + 1]]
    doc.spans["coref_clusters_2"] = [doc[she[1] : she[1] + 1]]

    assert spans(Recognition(nlp), text) == [("PER", ["Ada Mor", "Mor"]), ("LOC", ["Ulm", "Ulm"])]
    assert spans(Recognition(lambda _: doc), text) == [("PER", ["Ada Mor", "She", "Mor"]), ("LOC", ["Ulm", "Ulm"])]
    assert {fact.subject.name for fact in RelationExtractor.from_pretrained(model_folder, ner=nlp)(text)} == {
        "Ada Mor", "Ulm",
    }  # fmt: skip


def test_a_pipeline_of_spacy_loads_by_name_and_only_its_ner_runs(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="needs spaCy: pip install 'atlop[spacy]'")
    nlp = spacy.blank("en")
    for pipe in ("tagger", "ner"):
        nlp.add_pipe(pipe)
    nlp.get_pipe("tagger").add_label("NN")
    nlp.get_pipe("ner").add_label("PERSON")
    nlp.initialize()
    nlp.to_disk(tmp_path / "pipeline")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "other")

    assert Recognition(f"spacy:{tmp_path / 'pipeline'}").recogniser.pipe_names == ["ner"]  # type: ignore[attr-defined]
    assert Recognition(f"spacy:{tmp_path / 'pipeline'}").version == file_sha256(tmp_path / "pipeline")
    assert Recognition(f"spacy:{tmp_path / 'other'}").recogniser.pipe_names == ["tagger", "ner", "sentencizer"]  # type: ignore[attr-defined]


def test_a_token_classification_model_of_transformers_reads_a_long_text_in_windows(tmp_path: Path) -> None:
    from transformers import BertConfig, BertForTokenClassification

    from tests.golden_values import golden_tokenizer

    tokenizer = golden_tokenizer("bert")
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        id2label={0: "O", 1: "B-PER"}, label2id={"O": 0, "B-PER": 1},
    )  # fmt: skip
    model = BertForTokenClassification(config)
    model.classifier.bias.data[:] = model.classifier.weight.data[:] = 0
    model.classifier.bias.data[1] = 1  # every word is a person
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    text = "Lucia went to the port. " * 200

    [found] = Recognition(f"transformers:{tmp_path}").entities([text], names=["the text"])

    assert Recognition(f"transformers:{tmp_path}").version == file_sha256(tmp_path)
    assert not isinstance(found, AtlopError)
    assert {entity["type"] for entity in found} == {"PER"}
    assert max(end for entity in found for mention in entity["mentions"] for _, end in mention["spans"]) > 4600
