import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from atlop.corpora.formats.pubtator.reader import read_pubtator
from atlop.corpora.formats.pubtator.scheme import PubtatorScheme, load_scheme
from atlop.corpora.formats.pubtator.writer import write_pubtator
from atlop.corpora.issues import IssueCollector
from atlop.corpora.losses import ConversionLoss
from atlop.errors import AtlopError
from atlop.schema import Document, Entity, Fact, Mention

CDR = load_scheme("cdr")
LINES = [
    "12|t|Lithium and renal or hepatic toxicity",
    "12|a|It caused toxicity.",
    "12\t0\t7\tLithium\tChemical\tD008094",
    "12\t12,29\t17,37\trenal toxicity\tDisease\tD5",
    "12\t12,29\t20,37\trenal or toxicity\tDisease\tD6|D7\tx|y",
    "12\t12\t37\trenal or hepatic toxicity\tDisease\tD007674|D007674|-1\trenal toxicity|toxicity|hepatic toxicity",
    "12\t29\t40\ttoxicity It\tDisease\tD8\town name",
    "12\t48\t56\ttoxicity\tDisease\t-1",
    "12\tCID\tD008094\tD007674\tNovel",
    "12\tCID\tD008094\tD8",
    "",
    "13|t|Empty",
    "13|a|",
    "",
]


def read(path: Path, *, scheme: PubtatorScheme = CDR) -> list[Document]:
    return list(read_pubtator(path, issues=IssueCollector(), scheme=scheme))


def written(folder: Path, *documents: Document, scheme: PubtatorScheme = CDR) -> list[str]:
    path = folder / "written.txt"
    write_pubtator(path, documents=documents, scheme=scheme)
    return path.read_text(encoding="utf-8").split("\n")[:-1]


@pytest.fixture
def documents(tmp_path: Path) -> list[Document]:
    path = tmp_path / "dev.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return read(path)


def test_what_was_read_is_written_line_by_line(tmp_path: Path, documents: list[Document]) -> None:
    assert written(tmp_path, *documents) == LINES
    assert read(tmp_path / "written.txt") == documents


def test_a_packed_file_holds_the_same_bytes_each_time(tmp_path: Path, documents: list[Document]) -> None:
    first, second = tmp_path / "a.gz", tmp_path / "b.gz"
    for path in (first, second):
        write_pubtator(path, documents=iter(documents), scheme=CDR)

    assert first.read_bytes() == second.read_bytes()
    assert gzip.decompress(first.read_bytes()).decode().split("\n")[:-1] == LINES


def test_an_undirected_fact_is_written_with_the_lower_entity_first(tmp_path: Path) -> None:
    path = tmp_path / "dev.txt"
    scheme = PubtatorScheme(directed=False)
    lines = ["1|t|A B", "1|a|", "1\t0\t1\tA\tGene\t5", "1\t2\t3\tB\tGene\t6"]
    path.write_text("\n".join([*lines, "1\tBind\t6\t5"]))
    documents = read(path, scheme=scheme)

    assert written(tmp_path, *documents, scheme=scheme) == [*lines, "1\tBind\t5\t6", ""]
    assert read(tmp_path / "written.txt", scheme=scheme) == documents


DOCUMENT = Document(
    title="7",
    sentences=(("One", "title"), ("It", "is", ".")),
    entities=(Entity((Mention("One", 0, 0, 1, "Gene"),), "5"), Entity((Mention("It is", 1, 0, 2, "Gene"),), "6")),
    facts=(Fact(0, 1, "Bind", evidence=(1,)),),
    text="One title\nIt\nis.",
    offsets=(((0, 3), (4, 9)), ((10, 12), (13, 15), (15, 16))),
)


def test_mentions_without_characters_get_those_of_their_words_and_line_ends_become_spaces(tmp_path: Path) -> None:
    assert written(tmp_path, DOCUMENT) == [
        *("7|t|One title", "7|a|It is.", "7\t0\t3\tOne\tGene\t5", "7\t10\t15\tIt is\tGene\t6", "7\tBind\t5\t6", ""),
    ]


def with_entity(*, identifier: str | None = "5", name: str = "One", type: str = "Gene") -> Document:
    entity = Entity((Mention(name, 0, 0, 1, type, spans=((0, 3),)),), identifier)
    return replace(DOCUMENT, entities=(entity,), facts=())


READ_AS_ANOTHER = (
    'entity 0 ("One"): would be read as another entity; in PubTator, mentions belong to the same entity if and only if '
    "they share identifier and type"
)


def twice_as_unknown(entity: Entity) -> Entity:
    return Entity(entity.mentions * 2, "-1")


CROSSED = replace(
    DOCUMENT,
    entities=(
        Entity((Mention("One", 0, 0, 1, "Chemical"),), "5"),
        Entity((Mention("It", 1, 0, 1, "Disease"),), "6"),
        Entity((Mention("is", 1, 1, 2, "Chemical"),), "6"),
    ),
)


def test_what_the_format_cannot_hold_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "written.txt"
    own_words = replace(
        DOCUMENT, sentences=(("One", "title", "It", "is."),), offsets=(((0, 3), (4, 9), (10, 12), (13, 16)),)
    )
    own_words = replace(
        own_words,
        entities=(DOCUMENT.entities[0], Entity((Mention("It", 0, 2, 3, "Gene"),), "6")),
        facts=None,
        pairs=(),
        directed=False,
        text="One title\nIt is.",
    )

    losses = write_pubtator(path, documents=[DOCUMENT, own_words], scheme=CDR)
    others = write_pubtator(path, documents=[replace(DOCUMENT, facts=())], scheme=PubtatorScheme(directed=False))

    assert losses == {
        ConversionLoss.EVIDENCE: 1,
        ConversionLoss.PAIRS: 1,  # of the first: CDR classifies no genes
        ConversionLoss.UNDIRECTED: 1,
        ConversionLoss.WORDS: 1,
        ConversionLoss.LINE_END: 1,
        ConversionLoss.UNLABELLED: 1,  # the second has labels now, since the first has a fact
    }
    assert others == {ConversionLoss.DIRECTED: 1, ConversionLoss.LINE_END: 1, ConversionLoss.UNLABELLED: 1}


def test_of_an_identifier_with_several_types_the_classified_pair_holds(tmp_path: Path) -> None:
    assert written(tmp_path, replace(CROSSED, facts=(Fact(0, 1, "CID"),)))[-2] == "7\tCID\t5\t6"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            replace(DOCUMENT, text=None, offsets=None),
            "has no text, which PubTator needs; choose another format, or provide the text",
        ),
        (
            replace(DOCUMENT, offsets=None),
            "entity 0, mention 0: has no character offsets; expected spans, or offsets of the words",
        ),
        (with_entity(identifier=None), "entity 0: has no identifier, type or name, which PubTator needs"),
        (with_entity(identifier="5|6"), 'entity 0: "5|6" has a tab, a newline or "|", which separate columns'),
        (
            with_entity(type="a\tb"),
            'entity 0, mention 0: "a\\tb" has a tab, a newline or "\\t", which separate columns',
        ),
        (with_entity(name="a\tb"), ': "a\\tb" has a tab, a newline or "\\t", which separate columns'),
        (
            replace(
                DOCUMENT, entities=tuple(replace(entity, identifier="5") for entity in DOCUMENT.entities), facts=()
            ),
            READ_AS_ANOTHER,
        ),
        (
            replace(DOCUMENT, entities=tuple(map(twice_as_unknown, DOCUMENT.entities)), facts=()),
            READ_AS_ANOTHER,
        ),
        (
            replace(CROSSED, facts=(Fact(0, 2, "CID"),)),
            "fact 0: would be read as a fact of other entities, because one of its identifiers has several types; use "
            "different identifiers for different types",
        ),
    ],
)
def test_what_the_format_cannot_hold_is_refused(tmp_path: Path, document: Document, message: str) -> None:
    path = tmp_path / "written.txt"

    with pytest.raises(AtlopError) as caught:
        write_pubtator(path, documents=[document], scheme=CDR)

    assert str(caught.value).removeprefix(f'{path}, document 0 ("7")').lstrip(",: ") == message.lstrip(": ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "scheme", "different"),
    [
        ("cdr/CDR_TrainingSet.PubTator.txt", "cdr", 5),
        ("cdr/CDR_DevelopmentSet.PubTator.txt", "cdr", 11),
        ("biored/Train.PubTator", "biored", 61),
        ("biored/Dev.PubTator", "biored", 15),
    ],
)
def test_real_corpora_survive_writing(real_data: Path, tmp_path: Path, name: str, scheme: str, different: int) -> None:
    rules = load_scheme(scheme)
    documents = read(real_data / name, scheme=rules)

    lines = set(written(tmp_path, *documents, scheme=rules))

    assert read(tmp_path / "written.txt", scheme=rules) == documents
    missing = [line for line in (real_data / name).read_text(encoding="utf-8").splitlines() if line not in lines]
    mentions = [line for line in missing if line.split("\t")[1].isdecimal()]
    assert len(mentions) == different  # identifiers in another order, or with a space before them
    assert rules.directed == (len(mentions) == len(missing))
