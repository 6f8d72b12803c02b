"""Add facts to a data frame of Spark, with the sample model.

Each Python worker of Spark loads the model once (`spark.python.worker.reuse`, which is on by default, keeps workers).
Takes about 30 seconds, most of them to start Spark (`pip install pyspark`, and Java).

    python examples/spark.py
"""

import json

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from atlop import sample
from atlop.inference.batches import ADDED, ExtractBatches


def main() -> None:
    """Print the facts of some texts."""
    spark = SparkSession.builder.master("local[1]").getOrCreate()
    rows = [json.loads(line) for line in sample.TEXTS.read_text(encoding="utf-8").splitlines()]
    rows.append({"title": "broken", "text": "Short.", "entities": [{"mentions": [[0, 100]], "type": "PER"}]})
    entities = "array<struct<mentions: array<array<int>>, type: string>>"
    frame = spark.createDataFrame(rows, f"title string, text string, entities {entities}")

    schema = from_arrow_schema(pa.schema([*to_arrow_schema(frame.schema), *ADDED]))
    with_facts = frame.mapInArrow(ExtractBatches("sample").map_in_arrow, schema)

    for row in with_facts.collect():  # or with_facts.write.parquet("s3a://bucket/facts")
        print(f"{row.title}:", row.error or f"{len(row.facts)} facts")


if __name__ == "__main__":
    main()
