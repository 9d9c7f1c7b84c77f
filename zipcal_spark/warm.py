"""What a run needs first, loaded while it waits for something else. (Compiled loops load on their first call.)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession


def load_for_driver() -> None:
    """Import the road and load the driver's loops."""
    import numpy as np

    import zipcal_spark.pipeline  # noqa: F401
    from zipcal_spark.coverage.greedy import run_greedy, transposed

    offsets, one = np.array([0, 1]), np.zeros(1, np.int64)
    owner_offsets, owners = transposed(offsets, one, 1)
    run_greedy(1, offsets, one, one.copy(), owner_offsets, owners, one.copy(), np.zeros(1, bool))


def wake_workers(spark: SparkSession) -> None:
    """Let Spark start its Python workers, and these load the loops of the pass over the text.

    Whatever goes wrong, goes wrong again where it matters.
    """
    with suppress(Exception):
        count = spark.sparkContext.defaultParallelism
        rows = spark.range(0, count, 1, count).mapInArrow(_load_in_worker, "id bigint")
        rows.write.format("noop").mode("overwrite").save()


def _load_in_worker(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from zipcal_spark.reading import read_partition

    nothing = pa.nulls(1, pa.string())
    row = pa.record_batch({"id": pa.array(["0"]), "domain": nothing, "text": pa.array(["a word"]), "fault": nothing})
    for _ in read_partition([row], partition=0, unit="word", max_length=9, salt=0, slices=1, seeds=True):
        pass
    yield from batches
