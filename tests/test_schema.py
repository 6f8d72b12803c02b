import pytest

from atlop.errors import AtlopError
from atlop.schema import THRESHOLD_CLASS, Document, Entity, Fact, Mention, RelationVocabulary


def entity(*names: str) -> Entity:
    return Entity(tuple(Mention(name, 0, 0, 1, type=name.upper()) for name in names))


def test_an_entity_is_named_by_its_first_mention() -> None:
    assert entity("a", "b").name == "a"


def test_the_key_of_a_fact_leaves_the_evidence_out() -> None:
    assert Fact(0, 1, "P17", (3,)).key == Fact(0, 1, "P17").key == (0, 1, "P17")


def test_words_are_counted_over_sentences() -> None:
    assert Document("t", (("a", "b"), (), ("c",)), (), None).words == 3


def test_name_triples_are_all_combinations_of_mention_names() -> None:
    facts = (Fact(0, 1, "P17"), Fact(1, 0, "P6"))
    document = Document("t", (("a",),), (entity("a", "b"), entity("c")), facts)

    assert list(document.name_triples()) == [("a", "c", "P17"), ("b", "c", "P17"), ("c", "a", "P6"), ("c", "b", "P6")]


def test_an_unlabelled_document_has_no_name_triples() -> None:
    assert list(Document("t", (("a",),), (entity("a"),), None).name_triples()) == []


def test_class_ids_start_after_the_threshold_class() -> None:
    vocabulary = RelationVocabulary(("P17", "P6"), {"P17": "country"})

    assert vocabulary.classes == 3
    assert vocabulary.class_of("P17") == THRESHOLD_CLASS + 1
    assert [vocabulary.relation_of(class_id) for class_id in (1, 2)] == ["P17", "P6"]
    assert "P6" in vocabulary
    assert "P7" not in vocabulary


def test_a_relation_without_a_name_is_called_by_its_id() -> None:
    vocabulary = RelationVocabulary(("P17", "P6"), {"P17": "country"})

    assert [vocabulary.name_of(relation) for relation in vocabulary.relations] == ["country", "P6"]


def test_an_unknown_relation_is_refused_with_the_known_ones() -> None:
    vocabulary = RelationVocabulary(tuple(f"P{number}" for number in range(10)), {})

    with pytest.raises(AtlopError, match=r"unknown relation 'P99'; the model knows 10: P0, .*, P7, …$"):
        vocabulary.class_of("P99")


@pytest.mark.parametrize(("types", "expected"), [("A", "A"), ("A B B", "B"), ("B A A B", "B"), ("C A B A B", "A")])
def test_the_type_of_an_entity_is_that_of_most_mentions_and_of_equals_the_first(types: str, expected: str) -> None:
    assert Entity(tuple(Mention("x", 0, 0, 1, kind) for kind in types.split())).type == expected
