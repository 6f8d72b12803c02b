"""A small valid file of each format of annotation tools and neighbouring projects, for tests of all of them."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TEXT = "🚢 Nella Brun owns the Siv Line. She lives in Arnfjord."
WORDS = ["Nella", "Brun", "owns", "the", "Siv", "Line", ".", "She", "lives", "in", "Arnfjord", "."]
BRAT_ANNOTATIONS = """\
*\tEquiv T1 T3
T1\tPerson 2 12\tNella Brun
T2\tFirm 22 30\tSiv Line
T3\tPerson 32 35\tShe
T4\tPlace 45 53\tArnfjord
R1\towns Arg1:T1 Arg2:T2\t
R2\tlives Arg1:T3 Arg2:T4
"""


def _region(name: str, start: int, end: int, label: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "text": TEXT[start:end], "labels": [label]}
    return {"id": name, "type": "labels", "from_name": "label", "to_name": "text", "value": value}


LABEL_STUDIO: list[dict[str, Any]] = [
    {
        "id": 5,
        "data": {"text": TEXT},
        "annotations": [
            {
                "id": 1,
                "was_cancelled": False,
                "ground_truth": False,
                "updated_at": "2026-03-01T10:00:00Z",
                "result": [
                    {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right", "labels": ["owns"]},
                    _region("a", 2, 12, "Person"),
                    _region("b", 22, 30, "Firm"),
                    _region("c", 45, 53, "Place"),
                    {"type": "relation", "from_id": "c", "to_id": "a", "direction": "left", "labels": ["lives"]},
                ],
            }
        ],
        "predictions": [],
    }
]
LABEL_STUDIO_MIN = [
    {
        "id": 5,
        "text": TEXT,
        "label": [{"start": 2, "end": 12, "text": "Nella Brun", "labels": ["Person"]}],
        "annotation_id": 1,
        "lead_time": 3.5,
    }
]
DOCCANO = {
    "id": 7,
    "text": TEXT,
    "entities": [
        {"id": 91, "label": "Firm", "start_offset": 22, "end_offset": 30},
        {"id": 90, "label": "Person", "start_offset": 2, "end_offset": 12},
    ],
    "relations": [{"id": 90, "from_id": 90, "to_id": 91, "type": "owns"}],
    "Comments": [],
}
BIOC: dict[str, Any] = {
    "source": "made",
    "date": "",
    "key": "",
    "infons": {},
    "documents": [
        {
            "id": "D1",
            "infons": {},
            "passages": [
                {
                    "offset": 0,
                    "infons": {},
                    "text": "Nella Brun owns the Siv Line.",
                    "annotations": [
                        {
                            "id": "1",
                            "infons": {"type": "Person"},
                            "text": "Nella Brun",
                            "locations": [{"offset": 0, "length": 10}],
                        },
                        {
                            "id": "2",
                            "infons": {"type": "Firm", "identifier": "F:7"},
                            "text": "Siv Line",
                            "locations": [{"offset": 20, "length": 8}],
                        },
                    ],
                    "sentences": [],
                    "relations": [],
                }
            ],
            "annotations": [],
            "relations": [
                {
                    "id": "R1",
                    "infons": {"type": "owns"},
                    "nodes": [{"refid": "2", "role": "object"}, {"refid": "1", "role": "subject"}],
                }
            ],
        }
    ],
}
BIOC_XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>made</source><date/><key/><document><id>D1</id>
<passage><offset>0</offset><text>Nella Brun owns the Siv Line.</text>
<annotation id="1"><infon key="type">Person</infon><location offset="0" length="10"/>
<text>Nella Brun</text></annotation>
<annotation id="2"><infon key="type">Firm</infon><location offset="20" length="8"/><text>Siv Line</text></annotation>
</passage>
<relation id="R1"><infon key="type">owns</infon><node refid="1" role="Arg1"/><node refid="2" role="Arg2"/></relation>
</document></collection>
"""


def _tokens(text: str) -> list[dict[str, Any]]:
    tokens: list[dict[str, Any]] = []
    start = 0
    for index, word in enumerate(text.split(" ")):
        tokens.append({"text": word, "start": start, "end": start + len(word), "id": index, "ws": True})
        start += len(word) + 1
    return tokens


SENTENCE = "Nella Brun owns the Siv Line ."
PRODIGY = {
    "text": SENTENCE,
    "_task_hash": 1,
    "tokens": _tokens(SENTENCE),
    "spans": [
        {"start": 0, "end": 10, "token_start": 0, "token_end": 1, "label": "Person"},
        {"start": 20, "end": 28, "token_start": 4, "token_end": 5, "label": "Firm"},
    ],
    "relations": [{"head": 1, "child": 5, "label": "owns"}],
    "answer": "accept",
}
UBIAI = [
    {
        "document": SENTENCE,
        "tokens": [
            {"text": "Nella Brun", "start": 0, "end": 10, "token_start": 0, "token_end": 1, "entityLabel": "Person"},
            {"text": "Siv Line", "start": 20, "end": 28, "token_start": 4, "token_end": 5, "entityLabel": "Firm"},
        ],
        "relations": [{"head": 0, "child": 4, "relationLabel": "owns"}],
    }
]
DYGIE = {
    "doc_key": "d",
    "sentences": [WORDS[:7], WORDS[7:]],
    "ner": [[[0, 1, "Person"], [4, 5, "Firm"]], [[10, 10, "Place"]]],
    "relations": [[[0, 1, 4, 5, "owns"]], [[7, 7, 10, 10, "lives"]]],
    "clusters": [[[0, 1], [7, 7]]],
}
SCIREX = {
    "doc_id": "s",
    "words": WORDS,
    "sentences": [[0, 7], [7, 12]],
    "ner": [[0, 2, "Method"], [4, 6, "Task"], [10, 11, "Metric"]],
    "coref": {"Brun": [[0, 2], [7, 8]], "Siv": [[4, 6]], "Arn": [[10, 11]], "Absent": []},
    "n_ary_relations": [{"Method": "Brun", "Task": "Siv", "Metric": "Absent", "score": "1"}],
}
SPERT = [
    {
        "tokens": WORDS[:7],
        "entities": [{"type": "Firm", "start": 4, "end": 6}, {"type": "Person", "start": 0, "end": 2}],
        "relations": [{"type": "owns", "head": 1, "tail": 0}],
    }
]
GLINER = [
    {"tokenized_text": WORDS, "ner": [[4, 5, "firm"], [0, 1, "person"]], "relations": [[1, 0, "owns"]]},
]
KAPIPE = [
    {
        "doc_key": "k",
        "sentences": [" ".join(WORDS[:7]), " ".join(WORDS[7:])],
        "mentions": [
            {"span": [0, 1], "name": "Nella Brun", "entity_type": "Person", "entity_id": "P1"},
            {"span": [4, 5], "name": "Siv Line", "entity_type": "Firm", "entity_id": "F1"},
            {"span": [7, 7], "name": "She", "entity_type": "Person", "entity_id": "P1"},
        ],
        "entities": [
            {"mention_indices": [1], "entity_type": "Firm", "entity_id": "F1"},
            {"mention_indices": [0, 2], "entity_type": "Person", "entity_id": "P1"},
        ],
        "relations": [{"arg1": 1, "relation": "owns", "arg2": 0}],
    }
]
TACRED = [
    {
        "id": "t1",
        "token": WORDS[:7],
        "subj_start": 0,
        "subj_end": 1,
        "obj_start": 4,
        "obj_end": 5,
        "subj_type": "PERSON",
        "obj_type": "FIRM",
        "relation": "owns",
    }
]
OPENNRE = {
    "text": TEXT,
    "h": {"name": "nella brun", "id": "Q1", "pos": [2, 12]},
    "t": {"name": "siv line", "id": "Q2", "pos": [22, 30]},
    "relation": "owns",
}
DOCRED_COLUMNS = {
    "title": "c",
    "sents": [WORDS[:7], WORDS[7:]],
    "vertexSet": [
        [
            {"name": "Nella Brun", "sent_id": 0, "pos": [0, 2], "type": "PER"},
            {"name": "She", "sent_id": 1, "pos": [0, 1], "type": "PER"},
        ],
        [{"name": "Siv Line", "sent_id": 0, "pos": [4, 6], "type": "ORG"}],
    ],
    "labels": {"head": [0], "tail": [1], "relation_id": ["P1"], "relation_text": ["owns"], "evidence": [[0]]},
}
CAS: dict[str, Any] = {
    "%TYPES": {},
    "%FEATURE_STRUCTURES": [
        {"%ID": 1, "%TYPE": "uima.cas.Sofa", "sofaString": TEXT},
        {"%ID": 2, "%TYPE": "custom.Span", "@sofa": 1, "begin": 3, "end": 13, "label": "Person"},
        {"%ID": 3, "%TYPE": "custom.Span", "@sofa": 1, "begin": 23, "end": 31, "label": "Firm"},
        {"%ID": 4, "%TYPE": "custom.Link", "@sofa": 1, "@Governor": 2, "@Dependent": 3, "label": "owns"},
        {"%ID": 5, "%TYPE": "x.coref.type.CoreferenceLink", "@sofa": 1, "begin": 3, "end": 13, "@next": 6},
        {"%ID": 6, "%TYPE": "x.coref.type.CoreferenceLink", "@sofa": 1, "begin": 33, "end": 36},
        {"%ID": 7, "%TYPE": "x.coref.type.CoreferenceChain", "@first": 5},
    ],
}
WEBANNO = """\
#FORMAT=WebAnno TSV 3.3
#T_SP=custom.Span|label
#T_CH=custom.Coref|referenceType|referenceRelation
#T_RL=custom.Link|label|BT_custom.Span


#Text=🚢 Nella Brun owns Siv .
1-1\t0-2\t🚢\t_\t_\t_\t_\t_\t
1-2\t3-8\tNella\tPerson[1]\t*[1]\t*->1-1\t_\t_\t
1-3\t9-13\tBrun\tPerson[1]\t*[1]\t*->1-1\t_\t_\t
1-4\t14-18\towns\t_\t_\t_\t_\t_\t
1-5\t19-22\tSiv\tFirm\t_\t_\towns\t1-2[1_0]\t
1-6\t23-24\t.\t_\t_\t_\t_\t_\t

#Text=She left .
2-1\t25-28\tShe\t_\t*[1]\t*->1-2\t_\t_\t
2-2\t29-33\tleft\t_\t_\t_\t_\t_\t
2-3\t34-35\t.\t_\t_\t_\t_\t_\t
"""
JSON_SAMPLES: dict[str, Any] = {
    "labelstudio": LABEL_STUDIO,
    "labelstudio_min": LABEL_STUDIO_MIN,
    "doccano": DOCCANO,
    "bioc": BIOC,
    "prodigy": PRODIGY,
    "ubiai": UBIAI,
    "dygie": DYGIE,
    "scirex": SCIREX,
    "spert": SPERT,
    "gliner": GLINER,
    "kapipe": KAPIPE,
    "tacred": TACRED,
    "opennre": OPENNRE,
    "docred_columns": DOCRED_COLUMNS,
    "cas": CAS,
}
"""A file of each format that is JSON."""


def write_brat(folder: Path, annotations: str | bytes | None = BRAT_ANNOTATIONS, *, text: str = TEXT) -> Path:
    """Write a pair of brat into a folder, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.txt").write_bytes(text.encode())
    if annotations is not None:
        (folder / "a.ann").write_bytes(annotations if isinstance(annotations, bytes) else annotations.encode())
    return folder


def write_tables(folder: Path) -> Path:
    """Write a text and its tables, and return their folder."""
    (folder / "texts").mkdir(parents=True)
    (folder / "texts/a.txt").write_bytes(TEXT.encode())
    (folder / "mentions.csv").write_bytes(
        "\ufeffdocument,start,end,entity,type\r\na,2,12,Nella,Person\r\na,32,35,Nella,Person\r\na,22,30,Siv,Firm\r\n".encode()
    )
    (folder / "relations.csv").write_bytes(b"document,subject,object,relation\r\na,Nella,Siv,owns\r\n")
    return folder


def parquet(rows: list[dict[str, Any]]) -> bytes:
    """Return rows as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False).encode()
