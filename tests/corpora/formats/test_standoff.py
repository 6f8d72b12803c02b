"""The rules that formats with mentions at offsets share."""

import pytest

from atlop.corpora import IssueCollector
from atlop.corpora.standoff import Draft, PlainText, PlainWords, merged_sets, read_drafts
from atlop.corpora.text.offset_units import Quote, fitting_reading, readings_of
from atlop.errors import AtlopError
from tests.corpora.formats.described import described

TEXT = "Ann of Ann Corp met Bo."


def draft(**options: object) -> Draft:
    found = Draft("d", PlainText(TEXT), "file, line 1", **options)  # type: ignore[arg-type]
    for key, span in (("bo", (20, 22)), ("ann", (0, 3)), ("corp", (7, 15)), ("inner", (7, 10))):
        found.mention(key, span, type=key[0].upper())
    return found


def test_each_mention_is_an_entity_in_the_order_of_the_text_unless_it_is_grouped() -> None:
    found = draft()
    found.group(["ann", "inner"])
    found.relate("bo", "inner", "met")

    assert described(found.build()) == (["A: Ann | Ann", "C: Ann Corp", "B: Bo"], ["Bo > met > Ann"])


def test_entities_keep_the_order_of_the_file_where_relations_name_them_by_index() -> None:
    found = draft(in_file_order=True, pairs=((0, 1), (1, 3), (2, 2)))

    document = found.build()

    assert described(document)[0] == ["B: Bo", "A: Ann", "C: Ann Corp", "I: Ann"]
    assert document.pairs == ((0, 1), (1, 3))


def test_facts_that_become_equal_are_merged_and_those_within_an_entity_kept() -> None:
    found = draft()
    found.group(["ann", "inner"])
    for subject, object_ in (("ann", "bo"), ("inner", "bo"), ("ann", "inner")):
        found.relate(subject, object_, "knows")

    assert described(found.build())[1] == ["Ann > knows > Bo", "Ann > knows > Ann"]
    assert found.merged == 1


def test_a_mention_in_two_groups_belongs_to_both() -> None:
    found = draft()
    found.group(["ann", "bo"], identifier="1")
    found.group(["ann", "corp"], identifier="2")
    found.relate("ann", "inner", "in")

    entities, facts = described(found.build())

    assert entities == ["A: Ann | Bo", "A: Ann | Ann Corp", "I: Ann"]
    assert facts == ["Ann > in > Ann", "Ann > in > Ann"]


def test_without_direction_the_first_entity_is_the_subject() -> None:
    found = draft(directed=False)
    found.relate("bo", "ann", "met")
    found.relate("ann", "bo", "met")

    document = found.build()

    assert (document.directed, described(document)[1], found.merged) == (False, ["Ann > met > Bo"], 1)


def test_the_same_span_with_two_types_is_two_mentions_and_an_empty_one_none() -> None:
    found = draft()
    found.mention("again", (0, 3), type="X")
    found.mention("empty", (4, 4))
    found.mention("blank", (3, 4))
    found.relate("empty", "ann", "is")

    assert described(found.build()) == (["A: Ann", "X: Ann", "I: Ann", "C: Ann Corp", "B: Bo"], [])
    assert (found.left_out, found.unmentioned) == ({"empty or blank mentions": 2}, 1)


def test_an_entity_has_the_type_of_its_first_typed_mention() -> None:
    found = Draft("d", PlainText(TEXT), "file")
    for key, (span, type_) in enumerate([((0, 3), ""), ((7, 10), "A"), ((7, 15), "B"), ((20, 22), "B")]):
        found.mention(key, span, type=type_)
    found.group(range(4))

    [entity] = found.build().entities

    assert (entity.type, [mention.type for mention in entity.mentions]) == ("A", ["", "A", "B", "B"])


def test_words_without_a_text_keep_their_sentences_but_for_mentions_across_them() -> None:
    words = PlainWords((("Ann", "met"), ("Bo", "."), (), ("Yes", ".")))
    found = Draft("d", words, "file")
    found.mention(1, (1, 3), type="X")
    found.mention(2, (4, 5), type="Y")

    document = found.build()

    assert document.sentences == (("Ann", "met", "Bo", "."), (), ("Yes", "."))
    assert described(document) == (["X: met Bo", "Y: Yes"], [])
    assert (document.text, document.entities[0].mentions[0].spans) == (None, ())


def test_words_of_a_file_are_cut_where_mentions_are() -> None:
    content = PlainText("Annlike  people.", words=((0, 7), (7, 9), (9, 16)), starts=(9,))
    found = Draft("d", content, "file")
    found.mention(1, (0, 3))
    assert found.build().sentences == (("Ann", "like"), ("people.",))
    found.mention(2, (3, 15))
    assert found.build().sentences == (("Ann", "like", "people", "."),)


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (lambda found: found.mention("ann", (4, 6)), "file, line 1: mention ann stands twice"),
        (
            lambda found: found.mention("x", (4, 60)),
            "mention x is at characters 4 to 60; expected .* the document's 23",
        ),
        (lambda found: found.mention("x", (6, 4)), "mention x is at characters 6 to 4"),
        (lambda found: found.mention("x", (-1, 4)), "mention x is at characters -1 to 4"),
        (lambda found: found.relate("ann", "z", "r", where="line 3: R1"), r"line 3: R1 names mention z, which .*ann"),
        (lambda found: found.group(["z"]), "file, line 1 names mention z"),
    ],
)
def test_what_does_not_fit_is_refused(act: object, problem: str) -> None:
    found = draft()

    with pytest.raises(AtlopError, match=problem):
        (act(found), found.build())  # type: ignore[operator]


def test_what_is_lost_is_counted_of_valid_documents_alone() -> None:
    valid, invalid = draft(), draft()
    for each in (valid, invalid):
        each.left_out["notes"] += 2
        each.skipped_relations += 1
    invalid.relate("ann", "z", "r")
    issues = IssueCollector(invalid="skip")

    documents = list(read_drafts([lambda: valid, lambda: invalid, lambda: None], issues=issues))

    found = issues.issues()
    assert (len(documents), found.skipped_documents, found.left_out, found.skipped_relations) == (1, 1, {"notes": 2}, 1)
    assert any(hint.startswith("4 of 4 entities (100%) have one mention") for hint in found.hints)


def test_sets_that_share_a_member_are_one() -> None:
    assert merged_sets([["a", "b"], ["c"], ["d", "b"], ["e", "a"]]) == [("c",), ("a", "b", "d", "e")]


@pytest.mark.parametrize("span", [(2, 4), (3, 5), (6, 8)])  # characters, UTF-16 units, bytes
def test_offsets_are_read_in_the_first_unit_that_fits(span: tuple[int, int]) -> None:
    quote = Quote((span,), "ab", "it")

    reading = fitting_reading(readings_of("é🚢ab"), quotes=[quote])

    assert reading.characters(quote.spans) == ((2, 4),)


def test_a_mention_that_fits_in_no_unit_is_quoted() -> None:
    with pytest.raises(AtlopError, match=r'^it is "ab", but characters 1 to 3 are "🚢a"; expected the same text'):
        fitting_reading(readings_of("é🚢ab"), quotes=[Quote(((1, 3),), "ab", "it")])
    with pytest.raises(AtlopError, match=r"^it is at characters 1 to 9; expected .* which has 4"):
        fitting_reading(readings_of("é🚢ab"), quotes=[Quote(((1, 9),), None, "it")])
