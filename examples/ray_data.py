"""Add facts to a dataset of Ray Data, with the sample model.

`map_batches` starts workers, each of which loads the model once; `num_cpus` and `num_gpus` say what a worker has, also
in fractions. On a cluster, `ray.init(address="auto")` comes first. Takes about 20 seconds, most of them to start Ray
(`pip install 'atlop[ray]'`).

    python examples/ray_data.py
"""

import json

import ray

from atlop import sample
from atlop.inference.batches import ExtractBatches


def main() -> None:
    """Print the facts of some texts."""
    rows = [json.loads(line) for line in sample.TEXTS.read_text(encoding="utf-8").splitlines()]
    rows.append({"title": "broken", "text": "Short.", "entities": [{"mentions": [[0, 100]], "type": "PER"}]})
    dataset = ray.data.from_items(rows)  # or ray.data.read_parquet("s3://bucket/texts")

    with_facts = dataset.map_batches(
        ExtractBatches,
        fn_constructor_args=("sample",),
        batch_format="pyarrow",
        batch_size=8,
        compute=ray.data.ActorPoolStrategy(size=1),
        num_cpus=1,
    )

    for row in with_facts.iter_rows():  # or with_facts.write_parquet("s3://bucket/facts")
        print(f"{row['title']}:", row["error"] or f"{len(row['facts'])} facts")


if __name__ == "__main__":
    main()
