"""The driver's own part of a round with 1,024 partitions: `python -m benchmarks.driver`. Writes results/driver.json."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.run import data
from zipcal_spark.config import SelectJob
from zipcal_spark.corpus import from_paths
from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.distributed import Partitions
from zipcal_spark.coverage.rounds import exact_greedy
from zipcal_spark.reading import read_once
from zipcal_spark.result import Kept
from zipcal_spark.session import spark_session

_PARTITIONS, _K = 1024, 1024


def main(path: Path) -> dict[str, object]:
    """Rounds over 1,024 real partitions of a corpus; how long each took, and how much of it was the driver's."""
    with spark_session() as spark:
        job = SelectJob(input=(str(path),), output="unused")
        corpus = from_paths(spark, job, job)
        kept = Kept()
        spread = corpus.rows.repartition(_PARTITIONS, "id")
        read = kept.keep(read_once(spread, "word", 128, 0, 8)).where("name is not null")
        partitions = Partitions(read, _PARTITIONS, corpus.arrow_id, 20_000)
        spent: list[float] = []

        def propose(covered: np.ndarray, chosen: pa.Array | None) -> pa.Table:
            start = time.perf_counter()
            rows = partitions.propose(covered, chosen)
            spent.append(time.perf_counter() - start)
            return rows

        propose(np.empty(0, np.int64), None)  # reads the text
        spent.clear()
        start = time.perf_counter()
        picks = exact_greedy(propose, _K, Bound(_K, 1 << 62))
        total = time.perf_counter() - start
        kept.release()
    return {
        "name": "driver",
        "partitions": _PARTITIONS,
        "rounds": picks.rounds,
        "seconds": round(total, 2),
        "driver_seconds": round(total - sum(spent), 3),
    }


if __name__ == "__main__":
    result = main(Path(sys.argv[1]) if sys.argv[1:] else data("middle"))
    print(result)
    (Path(__file__).parent / "results" / "driver.json").write_text(json.dumps(result, indent=1) + "\n")
