import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from atlop.corpora.formats.pubtator.reader import read_pubtator
from atlop.corpora.formats.pubtator.scheme import PubtatorScheme, load_scheme
from atlop.corpora.issues import IssueCollector
from atlop.corpora.text.plain_text import slice_words
from atlop.errors import AtlopError
from atlop.schema import Document, Fact

CDR = load_scheme("cdr")
BIORED = load_scheme("biored")

TEXT = ("12|t|Lithium and renal or hepatic toxicity", "12|a|It caused toxicity (of a kind). No Li was left.")
LITHIUM = "12\t0\t7\tLithium\tChemical\tD008094"
BOTH = "12\t12\t37\trenal or hepatic toxicity\tDisease\tD007674|D056486\trenal toxicity|hepatic toxicity"
TOXICITY = "12\t48\t56\ttoxicity\tDisease\t-1"
LI = "12\t73\t75\tLi\tChemical\tD008094"
RELATION = "12\tCID\tD008094\tD007674"
MENTIONS = (LITHIUM, BOTH, TOXICITY, LI)


def write(folder: Path, *lines: str, end: str = "\n", name: str = "dev.txt") -> Path:
    path = folder / name
    path.write_bytes(end.join((*lines, "")).encode())
    return path


def read(path: Path, *, scheme: PubtatorScheme = CDR, issues: IssueCollector | None = None) -> list[Document]:
    return list(read_pubtator(path, issues=issues or IssueCollector(), scheme=scheme))


def read_one(folder: Path, *lines: str, scheme: PubtatorScheme = CDR, issues: IssueCollector | None = None) -> Document:
    (document,) = read(write(folder, *TEXT, *lines), scheme=scheme, issues=issues)
    return document


def message_of(folder: Path, *lines: str, scheme: PubtatorScheme = CDR) -> str:
    with pytest.raises(AtlopError) as caught:
        read(write(folder, *lines), scheme=scheme)
    return str(caught.value).removeprefix(f"{folder}/")


def test_a_document_holds_its_text_words_entities_pairs_and_facts(tmp_path: Path) -> None:
    document = read_one(tmp_path, *MENTIONS, RELATION)

    assert document.title == "12"
    assert document.text == "Lithium and renal or hepatic toxicity\nIt caused toxicity (of a kind). No Li was left."
    assert document.sentences == (
        ("Lithium", "and", "renal", "or", "hepatic", "toxicity"),
        ("It", "caused", "toxicity", "(", "of", "a", "kind", ")", "."),
        ("No", "Li", "was", "left", "."),
    )
    assert document.offsets is not None
    assert slice_words(document.text, document.offsets) == document.sentences
    assert [entity.identifier for entity in document.entities] == ["D008094", "D007674", "D056486", "-1"]
    assert [
        (mention.name, mention.sentence, mention.start, mention.end) for mention in document.entities[0].mentions
    ] == [
        ("Lithium", 0, 0, 1),
        ("Li", 2, 1, 2),
    ]
    assert document.facts == (Fact(0, 1, "CID"),)
    assert document.directed


def test_each_entity_of_a_mention_has_its_own_name(tmp_path: Path) -> None:
    renal, hepatic = read_one(tmp_path, *MENTIONS, RELATION).entities[1:3]

    assert (renal.name, hepatic.name) == ("renal toxicity", "hepatic toxicity")
    assert renal.mentions[0].spans == hepatic.mentions[0].spans == ((12, 37),)


def test_several_identifiers_without_own_names_share_the_text(tmp_path: Path) -> None:
    document = read_one(tmp_path, BOTH.rpartition("\t")[0])

    assert [entity.name for entity in document.entities] == ["renal or hepatic toxicity"] * 2


def test_an_entity_listed_twice_on_a_mention_is_mentioned_twice(tmp_path: Path) -> None:
    (entity,) = read_one(tmp_path, BOTH.replace("D056486", "D007674")).entities

    assert [mention.name for mention in entity.mentions] == ["renal toxicity", "hepatic toxicity"]


def test_mentions_without_an_identifier_are_entities_of_their_own_in_no_pair(tmp_path: Path) -> None:
    bare = "12\t58\t60\tof\tDisease"
    document = read_one(tmp_path, LITHIUM, TOXICITY, bare, "12\t63\t67\tkind\tDisease\t", BOTH, RELATION)

    assert [entity.identifier for entity in document.entities] == ["D008094", "D007674", "D056486", "-1", "-1", "-1"]
    assert document.pairs == ((0, 1), (0, 2))


def test_one_entity_of_a_mention_may_lack_its_identifier(tmp_path: Path) -> None:
    document = read_one(tmp_path, BOTH.replace("D056486", "-1"))

    assert [(entity.identifier, entity.name) for entity in document.entities] == [
        ("D007674", "renal toxicity"),
        ("-1", "hepatic toxicity"),
    ]


def test_entities_are_numbered_by_where_they_stand_first(tmp_path: Path) -> None:
    assert read_one(tmp_path, *reversed(MENTIONS), RELATION) == read_one(tmp_path, *MENTIONS, RELATION)


def test_mentions_may_overlap(tmp_path: Path) -> None:
    inner = "12\t21\t37\thepatic toxicity\tDisease\tD056486"
    document = read_one(tmp_path, LITHIUM, BOTH, inner, "12\t21\t25\thepa\tDisease\tD1", RELATION)

    assert document.sentences[0] == ("Lithium", "and", "renal", "or", "hepa", "tic", "toxicity")
    assert [mention.spans for mention in document.entities[2].mentions] == [((12, 37),), ((21, 37),)]


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("name", ["renal toxicity", "renal, toxicity", "renal or hepatic toxicity", "renal|toxicity"])
def test_a_discontinuous_mention_has_several_starts_and_ends(tmp_path: Path, separator: str, name: str) -> None:
    line = f"12\t29{separator}12\t37{separator}17\t{name}\tDisease\tD007674"
    (entity,) = read_one(tmp_path, line).entities
    (mention,) = entity.mentions

    assert (mention.name, mention.spans, mention.start, mention.end) == (name, ((12, 17), (29, 37)), 2, 6)


def test_a_mention_may_go_over_the_end_of_the_title(tmp_path: Path) -> None:
    document = read_one(tmp_path, "12\t29\t40\ttoxicity It\tDisease\tD1")

    assert document.sentences[0][4:9] == ("hepatic", "toxicity", "It", "caused", "toxicity")
    assert document.entities[0].mentions[0].sentence == 0


def test_a_number_that_two_types_share_is_two_entities(tmp_path: Path) -> None:
    scheme = PubtatorScheme(pairs=(("Gene", "Disease"),))
    document = read_one(
        tmp_path,
        "12\t0\t7\tLithium\tSpecies\t9606",
        "12\t48\t56\ttoxicity\tDisease\tD1",
        "12\t73\t75\tLi\tGene\t9606",
        "12\tCauses\t9606\tD1",
        scheme=scheme,
    )

    assert [entity.type for entity in document.entities] == ["Species", "Disease", "Gene"]
    assert document.facts == (Fact(2, 1, "Causes"),)


GENES = (
    "12\t0\t7\tLithium\tChemicalEntity\tD008094",
    "12\t12\t37\trenal or hepatic toxicity\tGeneOrGeneProduct\t3175,3630",
    "12\t48\t56\ttoxicity\tCellLine\tCVCL_1",
    "12\t73\t75\tLi\tSequenceVariant\tc|DEL|4153|A",
)


def test_undirected_pairs_and_facts_have_the_lower_entity_as_subject(tmp_path: Path) -> None:
    document = read_one(tmp_path, *GENES, "12\tBind\t3630\tD008094\tNovel", "12\tBind\t3175\t3630\tNo", scheme=BIORED)

    assert not document.directed
    assert [entity.identifier for entity in document.entities] == ["D008094", "3175", "3630", "CVCL_1", "c|DEL|4153|A"]
    assert document.pairs == ((0, 1), (0, 2), (0, 4), (1, 2))
    assert document.facts == (Fact(0, 2, "Bind", novelty="Novel"), Fact(1, 2, "Bind", novelty="No"))


def test_relations_given_twice_are_merged_and_counted(tmp_path: Path) -> None:
    issues = IssueCollector()
    lines = ("12\tBind\t3630\tD008094\tNovel", "12\tBind\tD008094\t3630\tNo", "12\tLink\tD008094\t3630")
    document = read_one(tmp_path, *GENES, *lines, scheme=BIORED, issues=issues)

    assert document.facts == (Fact(0, 2, "Bind", novelty="Novel"), Fact(0, 2, "Link"))
    assert issues.duplicate_facts == 1


def test_facts_without_a_classified_pair_are_kept_and_counted(tmp_path: Path) -> None:
    issues = IssueCollector()
    lines = ("12\tBind\t3630\t3630\tNo", "12\tBind\t3175\tc|DEL|4153|A\tNo", "12\tBind\t3175\t3630\tNo")
    document = read_one(tmp_path, *GENES, *lines, scheme=BIORED, issues=issues)

    assert [fact.key for fact in document.facts or ()] == [(2, 2, "Bind"), (1, 4, "Bind"), (1, 2, "Bind")]
    assert document.pairs == ((0, 1), (0, 2), (0, 4), (1, 2))
    assert (issues.self_relations, issues.unclassified_facts) == (1, 1)


def test_a_directed_fact_against_the_scheme_is_kept_and_counted(tmp_path: Path) -> None:
    issues = IssueCollector()
    document = read_one(tmp_path, *MENTIONS, "12\tCID\tD007674\tD008094", issues=issues)

    assert document.facts == (Fact(1, 0, "CID"),)
    assert issues.unclassified_facts == 1


def test_without_kinds_of_pairs_every_pair_of_identified_entities_is_classified(tmp_path: Path) -> None:
    assert read_one(tmp_path, LITHIUM, BOTH, TOXICITY, scheme=PubtatorScheme()).pairs == (
        *((0, 1), (0, 2), (1, 0)),
        *((1, 2), (2, 0), (2, 1)),
    )
    assert read_one(tmp_path, LITHIUM, BOTH, TOXICITY, scheme=PubtatorScheme(directed=False)).pairs == (
        (0, 1),
        (0, 2),
        (1, 2),
    )


def test_a_file_without_any_relation_has_no_labels(tmp_path: Path) -> None:
    tabs = "12|a|Has\ttabs\tin\tits text."
    other = tuple(line.replace("12", "13", 1) for line in (*TEXT, LITHIUM))

    assert read_one(tmp_path, *MENTIONS).facts is None
    assert [document.facts for document in read(write(tmp_path, TEXT[0], tabs))] == [None]
    labelled = read(write(tmp_path, *other, "", *TEXT, *MENTIONS, RELATION))
    assert [document.facts for document in labelled] == [(), (Fact(0, 1, "CID"),)]


@pytest.mark.parametrize("offsets", ["48\t56", "12,29\t17,37", "12;29\t17;37"])
def test_a_mention_of_five_columns_does_not_make_a_file_labelled(tmp_path: Path, offsets: str) -> None:
    name = "toxicity" if "," not in offsets and ";" not in offsets else "renal toxicity"

    assert read_one(tmp_path, f"12\t{offsets}\t{name}\tDisease").facts is None


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_documents_are_parted_by_blank_lines_or_the_next_title(tmp_path: Path, end: str) -> None:
    other = tuple(line.replace("12", "13", 1) for line in (*TEXT, LITHIUM))
    parted = write(tmp_path, "", *TEXT, *MENTIONS, RELATION, "", " ", *other, end=end)
    unparted = write(tmp_path, *TEXT, *MENTIONS, RELATION, *other, end=end, name="unparted.txt")

    documents = read(parted)

    assert [document.title for document in documents] == ["12", "13"]
    assert read(unparted) == documents


def test_a_byte_order_mark_a_missing_last_line_end_and_packing_change_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, *TEXT, *MENTIONS, RELATION)
    marked = tmp_path / "marked.txt.gz"
    marked.write_bytes(gzip.compress(b"\xef\xbb\xbf" + path.read_bytes().rstrip(b"\n")))

    assert read(marked) == read(path)


def test_an_empty_file_has_no_documents_and_text_may_be_in_any_script(tmp_path: Path) -> None:
    assert read(write(tmp_path)) == []
    (document,) = read(
        write(tmp_path, "a b|t|βラ|t|x👍", "a b|a|", "a b\t0\t2\tβラ\tGene\t1", "a b\t6\t7\t👍\tGene\t2")
    )
    assert document.title == "a b"
    assert [mention.name for entity in document.entities for mention in entity.mentions] == ["βラ", "👍"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("12\tCID\tD1\tD2",), 'line 1: expected "identifier|t|title", found "12\\tCID\\tD1\\tD2"'),
        (
            (TEXT[1],),
            'line 1: expected "identifier|t|title", found "12|a|It caused toxicity (of a kind). No Li was left."',
        ),
        (
            (TEXT[0],),
            'line 1 (document "12"): the abstract is missing; expected "12|a|…" next',
        ),
        (
            (TEXT[0], LITHIUM),
            'line 2 (document "12"): expected "identifier|a|abstract", found '
            '"12\\t0\\t7\\tLithium\\tChemical\\tD008094"',
        ),
        (
            (TEXT[0], "13|a|It."),
            'line 2 (document "12"): the line belongs to document "13"; expected "12" '
            "(a new document starts with its title line, after a blank line)",
        ),
        (
            (*TEXT, LITHIUM.replace("12", "13", 1)),
            'line 3 (document "12"): the line belongs to document "13"; expected "12" '
            "(a new document starts with its title line, after a blank line)",
        ),
        (
            (*TEXT, "12\tCID\tD008094"),
            'line 3 (document "12"): expected the tab-separated columns of a mention (document, start, end, text, '
            "type, identifier) or of a relation (document, relation, identifier, identifier), found "
            '"12\\tCID\\tD008094"',
        ),
        (
            (*TEXT, "Nothing else."),
            'line 3 (document "12"): expected the tab-separated columns of a mention (document, start, end, text, '
            "type, identifier) or of a relation (document, relation, identifier, identifier), found "
            '"Nothing else.", which has no tab',
        ),
        (
            (*TEXT, "12\tCID\tD008094\t "),
            'line 3 (document "12"): expected a relation and two identifiers, found ["CID", "D008094", " "]',
        ),
        (
            (*TEXT, "12\t0\tseven\tLithium\tChemical\tD1"),
            'line 3 (document "12"): expected the mention\'s end in characters, found "seven"',
        ),
        (
            (*TEXT, "12\t0,12\t7\tLithium\tChemical\tD1"),
            'line 3 (document "12"): starts: 2, ends: 1; expected as many ends as starts',
        ),
        (
            (*TEXT, "12\t0\t99\tLithium\tChemical\tD1"),
            'line 3 (document "12"): is at characters 0 to 99; expected a start before the end, both within the 85 '
            "characters of title, newline and abstract",
        ),
        (
            (*TEXT, "12\t7\t7\t\tChemical\tD1"),
            'line 3 (document "12"): is at characters 7 to 7; expected a start before the end, both within the 85 '
            "characters of title, newline and abstract",
        ),
        (
            (*TEXT, "12\t1\t8\tLithium\tChemical\tD1"),
            'line 3 (document "12"): the mention is "Lithium", but characters 1 to 8 are "ithium "; expected the same '
            "text (offsets count one newline between title and abstract)",
        ),
        (
            (*TEXT, "12\t12,29\t17,37\trenal pain\tDisease\tD1"),
            'line 3 (document "12"): the mention is "renal pain", but characters 12 to 17 and 29 to 37 are '
            '"renal toxicity"; expected the same text (offsets count one newline between title and abstract)',
        ),
        (
            (*TEXT, "12\t7\t8\t \tDisease\tD1"),
            'line 3 (document "12"): mention " " at characters 7 to 8: expected a word, found only space',
        ),
        (
            (*TEXT, BOTH + "|other"),
            'line 3 (document "12"): the seventh column has 3 names for 2 identifiers; '
            "expected one name per identifier",
        ),
        (
            (*TEXT, LITHIUM, "12\tCID\tD008094\tD9"),
            'line 4 (document "12"): relation CID names "D9", but no mention has this identifier; '
            "the document has D008094",
        ),
        (
            (*TEXT, TOXICITY, "12\tCID\t-1\t-1"),
            'line 4 (document "12"): relation CID names "-1", but no mention has this identifier; '
            "the document has (none)",
        ),
    ],
)
def test_a_malformed_document_is_refused(tmp_path: Path, lines: Sequence[str], message: str) -> None:
    assert message_of(tmp_path, *lines) == f"dev.txt, {message}"


def test_a_line_of_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dev.txt"
    path.write_bytes("12|t|Title\n12|a|caf\xe9".encode("latin-1"))

    with pytest.raises(AtlopError, match=r"line 2: byte 8 of the line is not UTF-8"):
        read(path)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"12|t|Title\n" * 1000)[:-20])

    with pytest.raises(AtlopError, match=r"none\.txt: no such file; check the path"):
        read(tmp_path / "none.txt")
    with pytest.raises(AtlopError, match=r"broken\.gz: cannot be read: "):
        read(broken)


def test_skip_leaves_out_the_whole_document_of_a_wrong_line(tmp_path: Path) -> None:
    other = tuple(line.replace("12", "13", 1) for line in (*TEXT, LITHIUM))
    lines = (*TEXT, *MENTIONS, RELATION, RELATION, "12\tCID\tD9\tD8", "", *other, "", "stray", "stray")
    path = write(tmp_path, *lines)
    issues = IssueCollector(invalid="skip")

    (document,) = read(path, issues=issues)

    assert document.title == "13"
    assert [message.partition(":")[0] for message in issues.skipped] == [
        f'{path}, line 9 (document "12")',
        f"{path}, line 15",
    ]
    assert issues.duplicate_facts == 0


def test_pairs_more_general_than_an_annotated_one_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "mesh.bin").write_text(
        "*NEWRECORD\nMN = C12.5\nMN = C13\nUI = D007674\n\n*NEWRECORD\nMN = C12\nUI = D056486\n\n"
        "*NEWRECORD\nMN = C12.5.6\nUI = D1\n*NEWRECORD\nMN = C1\nUI = D2\n"
    )
    scheme = CDR.model_copy(update={"ancestors": tmp_path / "mesh.bin"})
    more = ("12\t38\t40\tIt\tDisease\tD1", "12\t41\t47\tcaused\tDisease\tD2", "12\t70\t72\tNo\tChemical\tD3")
    lines = (LITHIUM, BOTH, *more)
    chemicals = {0: "D008094", 5: "D3"}

    def kept(*relations: str) -> list[tuple[str, str | None]]:
        document = read_one(tmp_path, *lines, *relations, scheme=scheme)
        return [(chemicals[pair[0]], document.entities[pair[1]].identifier) for pair in document.pairs or ()]

    diseases = ["D007674", "D056486", "D1", "D2"]
    others = [("D3", disease) for disease in diseases]
    assert kept(RELATION) == [("D008094", disease) for disease in ("D007674", "D1", "D2")] + others
    assert kept("12\tCID\tD008094\tD1") == [("D008094", disease) for disease in ("D1", "D2")] + others
    assert (
        kept("12\tCID\tD008094\tD1", "12\tCID\tD008094\tD056486")
        == [("D008094", disease) for disease in ("D056486", "D1", "D2")] + others
    )
    assert len(kept()) == 8


@pytest.mark.parametrize(
    ("name", "scheme", "documents", "facts", "novel", "own", "outside"),
    [
        ("cdr/CDR_TrainingSet.PubTator.txt", "cdr", 500, 1038, 0, 0, 0),
        ("cdr/CDR_DevelopmentSet.PubTator.txt", "cdr", 500, 1012, 0, 0, 0),
        ("biored/Train.PubTator", "biored", 400, 4178, 2838, 3, 1),
        ("biored/Dev.PubTator", "biored", 100, 1162, 835, 1, 0),
    ],
)
def test_real_corpora_are_read_whole(
    real_data: Path, name: str, scheme: str, documents: int, facts: int, novel: int, own: int, outside: int
) -> None:
    issues = IssueCollector()
    read_documents = list(read_pubtator(real_data / name, issues=issues, scheme=scheme))
    found = [fact for document in read_documents for fact in document.facts or ()]

    assert (len(read_documents), len(found), issues.duplicate_facts) == (documents, facts, 0)
    assert sum(fact.novelty == "Novel" for fact in found) == novel
    assert (issues.self_relations, issues.unclassified_facts) == (own, outside)
    for document in read_documents:
        assert document.text is not None
        assert document.offsets is not None
        assert slice_words(document.text, document.offsets) == document.sentences
        for mention in (mention for entity in document.entities for mention in entity.mentions):
            words = document.offsets[mention.sentence][mention.start : mention.end]
            assert ((words[0][0], words[-1][1]),) == mention.spans


def test_the_pairs_of_cdr_are_those_of_the_preprocessed_files(real_data: Path) -> None:
    for part, split in (("Training", "train"), ("Development", "dev")):
        documents = read_pubtator(real_data / f"cdr/CDR_{part}Set.PubTator.txt", issues=IssueCollector(), scheme="cdr")
        pairs = {
            (document.title, document.entities[subject].identifier, document.entities[object_].identifier)
            for document in documents
            for subject, object_ in document.pairs or ()
        }
        listed = set()
        for line in (real_data / f"cdr/{split}_filter.data").read_text(encoding="utf-8").splitlines():
            columns = line.split("\t")
            rows = [columns[index : index + 17] for index in range(2, len(columns), 17)]
            listed |= {(columns[0], row[5], row[11]) for row in rows}

        assert pairs == listed
