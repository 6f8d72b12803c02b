import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from atlop.corpora.text.plain_text import locate_mention, slice_words, spans_and_extent, split_text
from atlop.errors import AtlopError
from atlop.schema import Span


def sentences_of(text: str, *, mentions: tuple[Span, ...] = ()) -> list[str]:
    """Each sentence as it stands in the text."""
    return [text[words[0][0] : words[-1][1]] for words in split_text(text, mentions=mentions)]


def words_in(text: str, *, mentions: tuple[Span, ...] = ()) -> list[str]:
    return [word for words in slice_words(text, split_text(text, mentions=mentions)) for word in words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n\t ", []),
        (
            "HNF-6, at 0.5 mg/kg (P<0.05).",
            ["HNF", "-", "6", ",", "at", "0", ".", "5", "mg", "/", "kg", "(", "P", "<", "0", ".", "05", ")", "."],
        ),
        ("snake_case don't", ["snake", "_", "case", "don", "'", "t"]),
        ("Pro75Ala m2 β1", ["Pro75Ala", "m2", "β1"]),
        ("cafe\u0301s a\u0308 b", ["cafe\u0301s", "a\u0308", "b"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("東京で25人", ["東", "京", "で", "25", "人"]),
        ("ok 👩\u200d🔬👍🏽 !", ["ok", "👩\u200d🔬", "👍🏽", "!"]),
        ("villanova´s ¨a", ["villanova´s", "¨a"]),
        ("\u0301a", ["\u0301a"]),
        ("\ufeffThe x\u00a0y\x1fz", ["\ufeffThe", "x", "y", "z"]),
    ],
)
def test_a_word_is_a_run_of_letters_and_digits_or_one_other_character(text: str, words: list[str]) -> None:
    assert words_in(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "It works. | It does.",
        "Does it? | Yes! | Good.",
        "It was 0.5 mg. | Then came 3.7 more.",
        "Cardona et al. reported it. | We agree with Cardona et al. | The data differ.",
        "Some drugs, e.g. Aspirin, i.e. ASA, act.",
        "See Fig. 3 and Dr. Smith vs. Mr. J. R. Jones.",
        "It was given i.v. over 5 min. | Rats got it i.p. | They slept.",
        "The U.S. Senate sat. | He left the U.S. | The rest stayed.",
        "Apple Inc. Chairman left Apple Inc. | The end.",
        "It is rich in vitamin C. | Rats need hepatitis B. | Others not.",
        "It (as J. Doe said. He did!) was so. | It is.",
        'He said "It works." | Then he left.',
        "(All of it is in brackets.) | This is not.",
        "1. Introduction is here. | 2. Methods follow.",
        "It binds. | p53 and mRNA are known. | [3H]-label was used.",
        "It rose to 5.2 ml. in 3 men.",
        "In No. 5 of vol. 3 on Jan. 5. | It ended.",
        "Wait ... what? | No ... | He left.",
        "It costs 5 mg. kg, then.",
        "水是液体。|它很冷！|真的吗？",
        "यह है। | वह है।",
        "Սա տուն է։ | Այն մեծ է։",
        "ይህ ቤት ነው። | ትልቅ ነው።",
        "هل هذا بيت؟ | نعم.",
        "Unclosed (bracket here. | It goes on.",
    ],
)
def test_a_sentence_ends_where_a_reader_expects(text: str) -> None:
    expected = [part.strip() for part in text.split("|")]
    spaced = text.replace(" | ", " ").replace("|", "")

    assert sentences_of(spaced) == expected


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("A title\nThe abstract. More.", ["A title", "The abstract.", "More."]),
        ("A title (with a\nsecond line) here", ["A title (with a\nsecond line) here"]),
        ("\n A title\r\nThe text\nGoes on here.", ["A title", "The text\nGoes on here."]),
        ("[A title.]\nText.", ["[A title.]", "Text."]),
        ("A title\nText is\nwrapped. Here\n\nas well (and\n \nthere)", None),
    ],
)
def test_a_title_and_a_blank_line_end_a_sentence(text: str, sentences: list[str] | None) -> None:
    expected = sentences or ["A title", "Text is\nwrapped.", "Here", "as well (and", "there)"]

    assert sentences_of(text) == expected


def test_a_bracket_that_nobody_closed_nearby_does_not_hold_sentences_together() -> None:
    text = "A smile (: is here. " + "It goes on. " * 60 + "It ends :)."

    assert len(sentences_of(text)) == 62


def test_no_word_goes_over_the_start_or_end_of_a_mention() -> None:
    assert words_in("HNF6alpha-induced", mentions=((3, 4), (3, 9))) == ["HNF", "6", "alpha", "-", "induced"]
    assert words_in("cafe\u0301s", mentions=((0, 4),)) == ["cafe", "\u0301s"]
    assert words_in("ab", mentions=((0, 2), (1, 2))) == ["a", "b"]


def test_no_sentence_ends_inside_a_mention() -> None:
    text = "It was St. Lukes. Hospital\n\nWing. It was."

    assert sentences_of(text, mentions=((7, 32),)) == ["It was St. Lukes. Hospital\n\nWing.", "It was."]
    assert sentences_of(text, mentions=((7, 16), (18, 26)))[:2] == ["It was St. Lukes.", "Hospital"]


def test_a_discontinuous_mention_counts_from_its_first_character_to_its_last() -> None:
    text = "Renal. Or hepatic toxicity. It is."
    spans = ((0, 5), (18, 26))
    offsets = split_text(text, mentions=spans_and_extent(spans))

    mention = locate_mention(spans, offsets=offsets, name="Renal toxicity", type="Disease")

    assert len(offsets) == 2
    assert (mention.sentence, mention.start, mention.end, mention.spans) == (0, 0, 5, spans)
    assert spans_and_extent(((3, 4),)) == ((3, 4),)


def test_a_mention_finds_its_sentence_and_words() -> None:
    text = "It is. HNF-6 binds DNA."
    offsets = split_text(text, mentions=((7, 12),))

    mention = locate_mention(((7, 12),), offsets=offsets, name="HNF-6", type="Gene")

    assert (mention.sentence, mention.start, mention.end) == (1, 0, 3)


def test_space_at_the_edges_of_a_mention_belongs_to_no_word() -> None:
    text = "It is. HNF binds."
    offsets = split_text(text, mentions=((6, 11),))

    mention = locate_mention(((6, 11),), offsets=offsets, name=" HNF ", type="Gene")

    assert (len(offsets), mention.sentence, mention.start, mention.end) == (2, 1, 0, 1)


@pytest.mark.parametrize("span", [(2, 3), (16, 18)])
def test_a_mention_without_a_word_is_refused(span: Span) -> None:
    text = "It is. It binds.  "

    with pytest.raises(AtlopError, match=f"characters {span[0]} to {span[1]}: expected a word, found only space"):
        locate_mention((span,), offsets=split_text(text, mentions=(span,)), name=" ", type="Gene")


@pytest.mark.parametrize("span", [(0, 6), (-1, 2), (3, 3), (4, 2)])
def test_a_mention_beyond_the_text_is_refused(span: Span) -> None:
    with pytest.raises(AtlopError, match=r"expected a start before the end, both within the text's 5 characters"):
        split_text("It is", mentions=(span,))


def test_every_character_lies_in_one_word_of_any_text() -> None:
    random_ = random.Random(0)
    alphabet = "aB7.!?()[]\"' \n\n\r\t-_é\u0301\u200d\u200b東。👍🏽ह\u093f𝔸\ufeff\u2028"
    for _ in range(2000):
        text = "".join(random_.choices(alphabet, k=random_.randrange(1, 40)))
        starts = [random_.randrange(len(text)) for _ in range(random_.randrange(4))]
        mentions = tuple((start, random_.randint(start + 1, len(text))) for start in starts)
        offsets = split_text(text, mentions=mentions)
        words = [word for sentence in offsets for word in sentence]

        assert [character for start, end in words for character in range(start, end)] == [
            index for index, character in enumerate(text) if not character.isspace()
        ]
        assert all(sentence for sentence in offsets)
        for first, end in mentions:
            assert not [word for word in words if word[0] < first < word[1] or word[0] < end < word[1]]
            assert sum(sentence[0][0] < end and sentence[-1][1] > first for sentence in offsets) <= 1


@pytest.mark.parametrize(
    "unit", ["a", ".", "a. ", "(", "()", "\n", " \n", "\u0301", "e.g. A", '."', "a.A", ". (", "東。", " "]
)
def test_a_long_text_of_one_unit_is_cut_without_going_back(unit: str) -> None:
    text = unit * (200_000 // len(unit))

    assert "".join(words_in(text, mentions=((5, 100_000), (7, 9)))) == "".join(text.split())


def test_sentences_agree_with_the_preprocessed_cdr_files(real_data: Path) -> None:
    agreed = ours = theirs = 0
    for split, part in (("train", "Training"), ("dev", "Development")):
        texts: dict[str, str] = {}
        for line in (real_data / f"cdr/CDR_{part}Set.PubTator.txt").read_text(encoding="utf-8").splitlines():
            document, bar, rest = line.partition("|")
            if bar and rest[:2] in ("t|", "a|"):
                texts[document] = texts.get(document, "") + rest[2:] + "\n"
        for line in (real_data / f"cdr/{split}_filter.data").read_text(encoding="utf-8").splitlines():
            document, sentences = line.split("\t")[:2]
            text = texts[document]
            found = _ends("".join(words) for words in slice_words(text, split_text(text)))
            listed = _ends(sentence.replace(" ", "") for sentence in sentences.split("|"))
            agreed += len(found & listed)
            ours += len(found - listed)
            theirs += len(listed - found)

    assert agreed > 9080
    assert ours < 20
    assert theirs < 160  # most of them within a sentence, after "i.v."


def _ends(sentences: Iterable[str]) -> set[int]:
    ends: set[int] = set()
    end = 0
    for sentence in sentences:
        end += len(sentence)
        ends.add(end)
    return ends
