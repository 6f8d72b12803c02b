"""Documents are read from files of any name."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from atlop.inference import RelationExtractor
from atlop.inference.parts import extract_file
from atlop.inference.sources import Source


@pytest.mark.skipif(sys.platform != "linux", reason="the file system takes names in UTF-8 alone")
def test_a_file_name_that_is_not_utf8_is_escaped_in_titles_and_messages(
    extractor: RelationExtractor, tmp_path: Path
) -> None:
    name = Path(os.fsdecode(b"caf\xe9.txt"))
    folder, lines = tmp_path / "texts", tmp_path / name.with_suffix(".jsonl")
    folder.mkdir()
    (folder / name).write_text("Skai TV", encoding="utf-8")
    lines.write_text('{"text": "Skai TV", "entities": []}\n{\n', encoding="utf-8")

    def results(source: Path) -> list[dict[str, Any]]:
        extract_file(extractor, Source(source), output=tmp_path / f"{source.suffix}.facts.jsonl")
        text = (tmp_path / f"{source.suffix}.facts.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    assert [document.title for document in Source(folder).documents()] == [r"caf\xe9"]
    [without_entities] = results(folder)
    _, cut = results(lines)

    assert without_entities["error"].startswith(rf'{folder}/caf\xe9.txt: key "entities" is missing')
    assert cut["error"].startswith(rf"{tmp_path}/caf\xe9.jsonl, line 2, column 2: not valid JSON")
