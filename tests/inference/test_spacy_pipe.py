"""The component finds in spaCy's documents what the extractor finds in their text."""

from pathlib import Path
from typing import Any

import pytest

from atlop.inference import RelationExtractor

spacy = pytest.importorskip("spacy", reason="needs spaCy: pip install 'atlop[spacy]'")

from spacy.tokens import Doc, Span  # noqa: E402

from atlop.inference.spacy_pipe import document_row  # noqa: E402

TEXT = (
    "Lucia Vestergaard founded the archive of Port Lockroy in 1996. She was born in Goudier Island, and Port Lockroy "
    "was her home. Vestergaard left it in 2006."
)
PATTERNS = [
    {"label": "PER", "pattern": "Lucia Vestergaard", "id": "Q1"},
    {"label": "PER", "pattern": "Vestergaard", "id": "Q1"},
    {"label": "LOC", "pattern": "Port Lockroy"},
    {"label": "LOC", "pattern": "Goudier Island"},
]


def pipeline(model: Path, **settings: Any) -> Any:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("entity_ruler").add_patterns(PATTERNS)
    nlp.add_pipe("atlop", config={"model": str(model), **settings})
    return nlp


def entities(row: dict[str, Any]) -> list[list[str]]:
    return [
        [row["text"][start:end] for mention in entity["mentions"] for start, end in mention["spans"]]
        for entity in row["entities"]
    ]


def test_an_entity_ruler_and_the_component_find_relations_end_to_end(
    model_folder: Path, extractor: RelationExtractor
) -> None:
    doc = pipeline(model_folder)(TEXT)

    lucia, port, island, surname = (TEXT.index(name) for name in ("Lucia", "Port", "Goudier", "Vestergaard left"))
    again = TEXT.index("Port", port + 1)
    expected = extractor(
        TEXT,
        [
            {"mentions": [[lucia, lucia + 17]], "type": "PER"},
            {"mentions": [[port, port + 12], [again, again + 12]], "type": "LOC"},
            {"mentions": [[island, island + 14]], "type": "LOC"},
            {"mentions": [[surname, surname + 11]], "type": "PER"},
        ],
    )
    assert [(f["subject"]["mentions"], f["relation"], f["object"]["name"]) for f in doc._.relations] == [
        (fact.subject.mentions, fact.relation, fact.object.name) for fact in expected
    ]
    assert doc._.relations
    assert [f["margin"] for f in doc._.relations] == pytest.approx([fact.margin for fact in expected], abs=1e-4)


def test_documents_come_out_of_nlp_pipe_in_their_order_as_each_on_its_own(model_folder: Path) -> None:
    nlp = pipeline(model_folder, explain=True)
    texts = [TEXT, "Nothing is named here.", "", "Port Lockroy is on Goudier Island.", TEXT]

    docs = list(nlp.pipe(texts))

    assert [doc.text for doc in docs] == texts
    for doc in docs:
        alone = nlp(doc.text)._.relations
        assert [(f["relation"], f["subject"]["name"]) for f in doc._.relations] == [
            (f["relation"], f["subject"]["name"]) for f in alone
        ]
    assert docs[1]._.relations == docs[2]._.relations == []
    assert docs[0]._.relations[0]["context"]["words"]


def test_a_pipeline_takes_its_model_along_when_it_is_saved(model_folder: Path, tmp_path: Path) -> None:
    import shutil

    own = tmp_path / "model"
    shutil.copytree(model_folder, own)
    nlp = pipeline(own)
    nlp.to_disk(tmp_path / "pipeline")
    expected = nlp(TEXT)._.relations
    shutil.rmtree(own)

    loaded = spacy.load(tmp_path / "pipeline")

    assert loaded(TEXT)._.relations == expected


def ruled(text: str = TEXT) -> Doc:
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns(PATTERNS)
    doc: Doc = nlp(text)
    return doc


def test_entities_are_grouped_by_text() -> None:
    assert entities(document_row(ruled(), group_by="text")) == [
        ["Lucia Vestergaard"],
        ["Port Lockroy", "Port Lockroy"],
        ["Goudier Island"],
        ["Vestergaard"],
    ]


def test_entities_are_grouped_by_knowledge_base_id() -> None:
    doc = ruled()
    doc.ents = [
        Span(doc, ent.start, ent.end, label=ent.label_, kb_id="Q1" if ent.label_ == "PER" else "") for ent in doc.ents
    ]

    row = document_row(doc, group_by="kb_id")

    assert entities(row) == [["Lucia Vestergaard", "Vestergaard"], ["Port Lockroy", "Port Lockroy"], ["Goudier Island"]]
    assert [entity.get("id") for entity in row["entities"]] == ["Q1", None, None]


def test_entities_are_grouped_by_coreference_clusters_and_pronouns_are_mentions() -> None:
    doc = ruled()
    she = next(token.i for token in doc if token.text == "She")
    her = next(token.i for token in doc if token.text == "her")
    cluster = [doc.ents[0], doc[she : she + 1], doc[her : her + 1], doc.ents[-1]]
    expected = [
        ["Lucia Vestergaard", "She", "her", "Vestergaard"],
        ["Port Lockroy", "Port Lockroy"],
        ["Goudier Island"],
    ]

    doc.spans["coref_clusters_1"] = cluster
    assert entities(document_row(doc, group_by="coref")) == expected
    del doc.spans["coref_clusters_1"]
    Doc.set_extension("coref_clusters", default=None)
    try:
        doc._.coref_clusters = [[(span.start_char, span.end_char) for span in cluster]]
        assert entities(document_row(doc, group_by="coref")) == expected
    finally:
        Doc.remove_extension("coref_clusters")


def test_no_sentence_ends_inside_of_an_entity() -> None:
    doc = ruled()
    for token in doc:
        token.is_sent_start = token.text in ("Lockroy", "She")

    words = document_row(doc, group_by="text")["words"]

    assert [TEXT[sentence[0][0] : sentence[-1][1]] for sentence in words] == [
        TEXT[: TEXT.index(" She")], TEXT[TEXT.index("She") :]
    ]  # fmt: skip
