"""What the commands of README and `docs/` find in the current folder: small files in the place of corpora and models.

Corpora are parts of the sample corpus, and encoders of every name are that of the sample model.
"""

import json
import re
import shutil
from collections.abc import Iterable
from csv import writer
from pathlib import Path
from typing import Any

import torch

from atlop import convert, sample
from atlop.model_folder import load_model
from tests.documentation import DOCS, ROOT, blocks, text_of

SAMPLE = ROOT / "data" / "sample"
CORPORA = {
    "train": ("data/docred/train_annotated.json", "data/docred/train_distant.json", "data/sample/train.json"),
    "dev": (
        *("data/docred/dev.json", "data/redocred/dev_revised.json", "data/sample/dev.json"),
        *("dev_revised.json", "calibration.json"),
    ),
    "test": (
        *("data/docred/test.json", "data/redocred/test_revised.json", "data/sample/test.json"),
        *("test.json", "unlabelled.json"),
    ),
}
HUB_ENCODERS = ("bert-base-cased", "roberta-large", "sentence-transformers/all-MiniLM-L6-v2")
ENCODER_FOLDERS = ("all-MiniLM-L6-v2", "bert2", "encoders/bert-base-cased")
COMMIT = "0" * 40
"""Name of the only revision in the cache of the hub."""


def write_encoder(folder: Path) -> None:
    """Write the encoder and the tokenizer of the sample model as Hugging Face has them."""
    model, tokenizer = load_model(str(sample.MODEL))
    model.encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_hub_cache(home: Path) -> None:
    """Write the cache of a hub that has only this encoder, under the names that the pages use; `home` is `HF_HOME`."""
    for name in HUB_ENCODERS:
        folder = home / "hub" / f"models--{name.replace('/', '--')}"
        write_encoder(folder / "snapshots" / COMMIT)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text(COMMIT, encoding="utf-8")


def write_stand_ins(folder: Path, *, documents: int = 8) -> None:
    """Write all that pages need and do not make themselves, with up to so many documents in a corpus."""
    for split, paths in CORPORA.items():
        part = documents_of(split)[:documents]
        for path in paths:
            _write(folder / path, json.dumps(part))
    for path in ("data/redocred/train_revised.json", "train_part.json"):  # for experiments with ten documents
        _write(folder / path, json.dumps(documents_of("train")[: 2 * documents]))
    for path in (
        *("data/docred/rel_info.json", "data/sample/rel_info.json", "data/sample/rel2id.json"),
        *("rel_info.json", "rel2id.json"),
    ):
        _write(folder / path, text_of(SAMPLE / Path(path).name))
    _write(folder / "train_first200.json", json.dumps(documents_of("train")[:documents] + documents_of("dev")[:2]))
    for path in ENCODER_FOLDERS:
        write_encoder(folder / path)
    for split in ("train", "dev"):
        write_spreadsheets(folder / split, documents=documents_of(split)[:documents])
        convert(folder / CORPORA[split][0], folder / f"{split}.jsonl", to="jsonl")
    _write_annotations(folder)
    shutil.copyfile(sample.TEXTS, folder / "texts.jsonl")
    _write(folder / "texts" / "skai.txt", "Skai TV is Greek. It is based in Piraeus.")
    _write_shown_files(folder)
    _write_other_formats(folder)
    _write_released_checkpoint(folder / "model.pt")
    measured = {"1000": {"step": {"seconds": 0.1, "bytes": 1e8}}}
    _write(folder / "runs/speed/benchmark.json", json.dumps({"length": {"plain": measured, "fast": measured}}))


def documents_of(split: str) -> list[dict[str, Any]]:
    """Return the documents of a split of the sample corpus; test is dev without labels, so that it can be scored."""
    found: list[dict[str, Any]] = json.loads(text_of(SAMPLE / f"{split.replace('test', 'dev')}.json"))
    if split == "test":
        for document in found:
            del document["labels"]
    return found


def write_spreadsheets(folder: Path, *, documents: Iterable[dict[str, Any]]) -> None:
    """Write texts, and the tables of their mentions and relations, as the tutorial on own data describes them."""
    names = json.loads(text_of(SAMPLE / "rel_info.json"))
    mentions, relations = (
        [["document", "start", "end", "entity", "type"]],
        [["document", "subject", "object", "relation"]],
    )
    for document in documents:
        title, sentences = re.sub(r"\W+", "_", document["title"]), document["sents"]
        _write(folder / "texts" / f"{title}.txt", " ".join(word for words in sentences for word in words))
        firsts = [sum(map(len, sentences[:number])) for number in range(len(sentences))]
        words = [word for words in sentences for word in words]
        keys = [f"{index} {entity[0]['name']}" for index, entity in enumerate(document["vertexSet"])]
        for key, entity in zip(keys, document["vertexSet"], strict=True):
            for mention in entity:
                first, end = (firsts[mention["sent_id"]] + position for position in mention["pos"])
                start = len(" ".join([*words[:first], ""]))
                mentions.append([title, str(start), str(start + len(" ".join(words[first:end]))), key, mention["type"]])
        relations += [[title, keys[fact["h"]], keys[fact["t"]], names[fact["r"]]] for fact in document["labels"]]
    for name, rows in (("mentions.csv", mentions), ("relations.csv", relations)):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer(file).writerows(rows)


def _write_annotations(folder: Path) -> None:
    """Write folders of brat and an export of Label Studio, as the tutorial on annotation names them."""
    for split, path in (("train", "annotated/train"), ("dev", "annotated/dev"), ("test", "fresh")):
        convert(folder / CORPORA[split][0], folder / path, to="brat")
    convert(folder / CORPORA["dev"][0], folder / "tasks.predicted.json", to="labelstudio")
    tasks = json.loads(text_of(folder / "tasks.predicted.json"))
    for task in tasks:
        task["annotations"] = [{"result": task.pop("predictions")[0]["result"]}]
    _write(folder / "project.json", json.dumps(tasks))


def _write_shown_files(folder: Path) -> None:
    """Write the files that pages show: those whose name stands in the sentence before them."""
    for page in sorted(DOCS.glob("*.md")):
        for name, code in re.findall(
            r"`([\w.]+\.(?:py|toml))`[^`]*:\n\n```\w+\n(.*?)^```$", text_of(page), re.DOTALL | re.MULTILINE
        ):
            _write(folder / name, code)
    [bracketed] = blocks("text", page=DOCS / "extending.md", section="A file format")
    for split in ("train", "dev"):
        _write(
            folder / f"{split}.txt", "\n".join(bracketed.replace("# Skai", f"# {number} Skai") for number in range(4))
        )


def _write_other_formats(folder: Path) -> None:
    """Write the files of CDR and BioRED."""
    lines = text_of(ROOT / "tests" / "golden" / "cdr_layout.data").splitlines(keepends=True)
    for path in ("train_filter.data", "dev_filter.data"):
        _write(folder / path, "".join(f"{copy}{line}" for copy in (1, 2) for line in lines))
    for first, second, relation, paths in (
        ("Chemical", "Disease", "CID\tD1\tD2", ("CDR_TrainingSet.PubTator.txt", "CDR_DevelopmentSet.PubTator.txt")),
        (
            "ChemicalEntity",
            "DiseaseOrPhenotypicFeature",
            "Association\tD1\tD2\tNovel",
            ("Train.PubTator", "Dev.PubTator"),
        ),
    ):
        lines = ["|t|Lithium and toxicity", "|a|It caused it.", f"\t0\t7\tLithium\t{first}\tD1"]
        lines += (f"\t12\t20\ttoxicity\t{second}\tD2", f"\t{relation}\n")
        text = "\n".join(f"{number}{line}" for number in range(4) for line in lines)
        for path in paths:
            _write(folder / path, text)


def _write_released_checkpoint(path: Path) -> None:
    """Write the sample model as a checkpoint of the authors' code."""
    renamed = {"encoder.": "model.", "classifier.subject_projection.": "head_extractor."}
    renamed |= {"classifier.object_projection.": "tail_extractor.", "classifier.bilinear.": "bilinear."}
    model, _ = load_model(str(sample.MODEL))
    state = {}
    for name, value in model.state_dict().items():
        prefix = next(prefix for prefix in renamed if name.startswith(prefix))
        state[renamed[prefix] + name.removeprefix(prefix)] = value.clone()
    torch.save(state, path)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
