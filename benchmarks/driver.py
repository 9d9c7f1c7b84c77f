"""The driver's own part of a round with 1,024 partitions: `python -m benchmarks.driver`. Writes results/driver.json.

The partitions' part is done in this process, by the same kernels; timed is what the driver does with what they send.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.partitions import Partitions, read, values_in
from benchmarks.run import data
from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.rounds import exact_greedy

_PARTITIONS, _K, _CANDIDATES = 1024, 1024, 25_000


def main(blocks: list[list[pa.Buffer]]) -> dict[str, Any]:
    """The rounds; how long the driver's part of them took."""
    partitions = Partitions(blocks, _CANDIDATES)
    start = time.perf_counter()
    picks = exact_greedy(partitions, _K, Bound(_K, 1 << 62))
    driver = time.perf_counter() - start - partitions.seconds
    return {"partitions": len(blocks), "rounds": picks.rounds, "driver_seconds_a_round": driver / picks.rounds}


if __name__ == "__main__":
    path = data("middle")
    size = -(-pq.ParquetFile(path).metadata.num_rows // _PARTITIONS)
    blocks = [values_in("block", batches) for batches in read(path, size)]
    main(blocks)  # compiles
    runs = sorted((main(blocks) for _ in range(3)), key=lambda run: run["driver_seconds_a_round"])
    print(runs)
    text = json.dumps({"name": "driver"} | runs[1], indent=1)
    (Path(__file__).parent / "results" / "driver.json").write_text(text + "\n")
