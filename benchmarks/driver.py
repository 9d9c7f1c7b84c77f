"""The driver's own part of a round with 1,024 partitions: `python -m benchmarks.driver`. Writes results/driver.json.

The partitions' proposals are made in this process, by the same kernels; timed is what the driver does with them.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.run import data
from zipcal_spark.coverage import local
from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.rounds import exact_greedy
from zipcal_spark.documents import Block
from zipcal_spark.reading import read_partition

_PARTITIONS, _K, _CANDIDATES = 1024, 1024, 20_000


def blocks_of(path: Path) -> list[Block]:
    """A corpus as so many partitions of one block."""
    size = -(-pq.ParquetFile(path).metadata.num_rows // _PARTITIONS)
    blocks = []
    for number, batch in enumerate(pq.ParquetFile(path).iter_batches(batch_size=size)):
        nothing = pa.nulls(len(batch), pa.string())
        rows = pa.record_batch({"id": batch["id"], "domain": nothing, "text": batch["text"], "fault": nothing})
        for out in read_partition([rows], partition=number, unit="word", max_length=128, salt=0, slices=8):
            blocks += [Block.from_bytes(pa.py_buffer(each)) for each in out["block"].to_pylist() if each is not None]
    return blocks


def main(blocks: list[Block]) -> dict[str, Any]:
    """The rounds; how long the driver's part of them took."""
    spent = 0.0
    limit = -(-_CANDIDATES // len(blocks))

    def propose(covered: np.ndarray, chosen: pa.Array | None) -> pa.Table:
        nonlocal spent
        start = time.perf_counter()
        found = [local.propose([block], covered, chosen, limit) for block in blocks]
        rows = pa.concat_tables([part for part in found if part is not None])
        spent += time.perf_counter() - start
        return rows

    start = time.perf_counter()
    picks = exact_greedy(propose, _K, Bound(_K, 1 << 62))
    driver = time.perf_counter() - start - spent
    return {"partitions": len(blocks), "rounds": picks.rounds, "driver_seconds_a_round": driver / picks.rounds}


if __name__ == "__main__":
    blocks = blocks_of(data("middle"))
    main(blocks)  # compiles
    runs = sorted((main(blocks) for _ in range(3)), key=lambda run: run["driver_seconds_a_round"])
    print(runs)
    text = json.dumps({"name": "driver"} | runs[1], indent=1)
    (Path(__file__).parent / "results" / "driver.json").write_text(text + "\n")
