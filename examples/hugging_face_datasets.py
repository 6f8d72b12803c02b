"""Add facts to a dataset of Hugging Face's `datasets`, with the sample model.

`map` calls `ExtractBatches` with batches of rows; with `num_proc`, each process loads the model once. The dataset has
the format "arrow", so that the column of facts has the same type in every batch. Takes seconds, most of them to import
PyTorch.

    python examples/hugging_face_datasets.py
"""

import json

from datasets import Dataset

from atlop import sample
from atlop.inference.batches import ExtractBatches


def main() -> None:
    """Print the facts of some texts."""
    rows = [json.loads(line) for line in sample.TEXTS.read_text(encoding="utf-8").splitlines()]
    rows.append({"title": "broken", "text": "Short.", "entities": [{"mentions": [[0, 100]], "type": "PER"}]})
    dataset = Dataset.from_list(rows).with_format("arrow")

    with_facts = dataset.map(ExtractBatches("sample"), batched=True, batch_size=8).with_format(None)

    for row in with_facts:
        print(f"{row['title']}:", row["error"] or f"{len(row['facts'])} facts")


if __name__ == "__main__":
    main()
