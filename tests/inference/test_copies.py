"""An extractor goes to other processes: pickled, copied, and in forked ones."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from atlop.inference import RelationExtractor
from tests.inference.texts import ENTITIES, TEXT

FORKED = """
import multiprocessing, sys
import torch
from atlop import RelationExtractor
from tests.inference.texts import ENTITIES, TEXT

name = sys.argv[1]
extractor = RelationExtractor.from_pretrained(name)

def loaded(_):
    return RelationExtractor.from_pretrained(name)(TEXT, ENTITIES), torch.get_num_threads()

def used(_):
    return extractor(TEXT, ENTITIES), torch.get_num_threads()

def in_child(work):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map_async(work, [0]).get(60)[0]

in_forked, threads = in_child(loaded)
assert threads == torch.get_num_threads() == 2  # as many as without the load before
expected = extractor(TEXT, ENTITIES)
torch.ones(1000, 1000) @ torch.ones(1000, 1000)
assert in_forked == expected
assert in_child(used) == (expected, 1)
assert torch.get_num_threads() == 2
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_forked_process_uses_an_extractor_that_was_loaded_or_used_before(model_folder: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", FORKED, str(model_folder)], env=environment, check=True, timeout=600)


def test_an_extractor_is_pickled_by_its_folder(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model_folder.parent)
    extractor = RelationExtractor.from_pretrained(model_folder.name, precision="bf16")
    pickled = pickle.dumps(extractor)
    monkeypatch.chdir(tmp_path)
    again = pickle.loads(pickled)
    assert len(pickled) < 1000
    assert again.precision == "bf16"
    assert again(TEXT, ENTITIES) == extractor(TEXT, ENTITIES)


def test_an_extractor_without_a_folder_is_pickled_with_its_weights(extractor: RelationExtractor) -> None:
    made = RelationExtractor(extractor.model, extractor.tokenizer)
    again = pickle.loads(pickle.dumps(made))
    assert again.fingerprint == extractor.fingerprint


def test_a_copy_has_the_weights_as_they_are_now(model_folder: Path) -> None:
    extractor = RelationExtractor.from_pretrained(model_folder)
    with torch.no_grad():
        next(extractor.model.parameters()).add_(1)
    made = copy.deepcopy(extractor)
    assert made.model is not extractor.model
    assert made.fingerprint == extractor.fingerprint != RelationExtractor.from_pretrained(model_folder).fingerprint
