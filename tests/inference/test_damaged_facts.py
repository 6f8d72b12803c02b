"""Damaged facts make a graph that other programs read, or one message; damaged parts are made again."""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from atlop.errors import AtlopError
from atlop.fusion import FusionCost
from atlop.inference import parts
from atlop.inference.facts import Context, ContextWord, EvidenceSentence, ExtractedFact, Extraction, Participant
from atlop.inference.inputs import InputDocument
from atlop.inference.parts import extract_file
from atlop.inference.sources import Source
from tests.damage import Draw, damaged_bytes, damaged_json, files_in, outcome_of

pytest.importorskip("networkx", reason="needs networkx: pip install 'atlop[graph]'")
pytest.importorskip("rdflib", reason="needs rdflib: pip install 'atlop[graph]'")

import networkx as nx
import rdflib

from atlop.inference.graph import FORMATS, WRITERS, fact_graph, read_facts

BONN = Participant(0, "Bonn", type="LOC", id="Q586", mentions=((0, 4),))
GERMANY = Participant(1, "Germany", type="LOC", id=None, mentions=((8, 15), (20, 27)))
EVIDENCE = (EvidenceSentence(0, 0, 16, "Bonn in Germany.", 0.9),)
CONTEXT = Context((ContextWord("in", 0, 5, 7, 0.5),), 0.8)
FACTS = (
    ExtractedFact(BONN, "P17", "country", GERMANY, 1.5, 0.7, EVIDENCE, CONTEXT),
    ExtractedFact(GERMANY, "P36", "capital", BONN, -0.5, None, ()),
)
DOCUMENTS = b'{"text": "one"}\n{"text": "two"}\n\n{"text": "three"}\n'


class Extractor:
    """Finds the same facts everywhere, without a model."""

    fingerprint, precision, fusion_cost = "a", "float32", FusionCost()
    recognition = None
    accelerator = SimpleNamespace(
        is_main_process=True,
        process_index=0,
        num_processes=1,
        wait_for_everyone=lambda: None,
        device=torch.device("cpu"),
    )

    def hosting(self, **_: Any) -> AbstractContextManager[Any]:
        return nullcontext(SimpleNamespace(map=map))

    def in_chunks(
        self, chunks: Iterable[list[InputDocument]], *, finish: Callable[[list[Extraction]], Any], **_: Any
    ) -> Iterator[Any]:
        for chunk in chunks:
            yield finish([Extraction(each.index, f"title {each.index}", FACTS, unread_mentions=0) for each in chunk])


def extract(folder: Path, *, stop: bool = False) -> bytes:
    """Extract as CSV in parts of one document, or stop before they are put together."""

    def progress(documents: Iterable[None]) -> Iterator[None]:
        yield from documents
        if stop:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "DOCUMENTS_PER_PART", 1)
        extractor: Any = Extractor()
        extract_file(extractor, Source(folder / "in.jsonl"), output=folder / "out.csv", progress=progress)
    return (folder / "out.csv").read_bytes()


@cache
def valid_parts() -> tuple[dict[str, bytes], bytes]:
    """The files of an extraction before its parts are put together, by name, and what they become."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "in.jsonl").write_bytes(DOCUMENTS)
        with pytest.raises(KeyboardInterrupt):
            extract(folder, stop=True)
        files = {name: (folder / name).read_bytes() for name in files_in(folder)}
        return files, extract(folder)


@st.composite
def damaged_part(draw: Draw) -> tuple[str, bytes]:
    """Change bytes of a part or of the manifest, or values of the manifest."""
    files, _ = valid_parts()
    name = draw(st.sampled_from(sorted(name for name in files if "/" in name)))
    changed = damaged_bytes(files[name])
    return name, draw(changed | damaged_json(json.loads(files[name])) if name.endswith("manifest.json") else changed)


def look_at_facts(content: bytes) -> object:
    """Read facts, write each kind of graph, and read these with other programs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "facts.jsonl"
        path.write_bytes(content)
        found = outcome_of(lambda: fact_graph(read_facts(path)), size=len(content))
        if not isinstance(found, AtlopError):
            for suffix, write in WRITERS.items():
                write(Path(folder) / f"graph{suffix}", found)
            for read, suffix in ((nx.read_graphml, ".graphml"), (nx.read_gexf, ".gexf")):
                assert len(read(Path(folder) / f"graph{suffix}").edges) == len(found.edges)
            for suffix, name in FORMATS.items():
                triples = rdflib.Graph().parse(Path(folder) / f"graph{suffix}", format=name)
                assert len(set(triples.subjects(rdflib.RDF.type, rdflib.RDF.Statement))) == len(found.edges)
        return found


def look_at_part(name: str, content: bytes) -> object:
    """Continue an extraction in whose folder one file has another content."""
    files, expected = valid_parts()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for file, whole in (files | {name: content}).items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes(whole)
        found = outcome_of(lambda: extract(folder), size=len(content))
        assert isinstance(found, AtlopError) or found == expected
        if name.endswith(".jsonl"):
            assert found == expected
        return found


RECORD = json.loads(json.dumps(Extraction(0, "title", FACTS, unread_mentions=1).as_json()))


@given(content=damaged_json(RECORD) | damaged_bytes(json.dumps(RECORD).encode()))
def test_facts_with_changed_values(content: bytes) -> None:
    look_at_facts(content)


@given(damage=damaged_part())
def test_parts_with_changed_bytes(damage: tuple[str, bytes]) -> None:
    look_at_part(*damage)
