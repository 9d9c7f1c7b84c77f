"""What a run holds and moves, at two sizes: `python -m benchmarks.scaling`. Writes benchmarks/results/scaling.json.

The kernels run in this process, partition by partition: bytes are those that Spark would keep, shuffle and collect.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.generate import Workload, vocabulary, write
from benchmarks.partitions import Partitions, read, values_in
from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.rounds import exact_greedy
from zipcal_spark.documents import from_stream
from zipcal_spark.terms import SummedCounts

SIZES = (100_000, 400_000)
_PARTITION = 25_000  # documents
_K, _CANDIDATES, _SLICES = 1024, 25_000, 8


def measure(path: Path) -> dict[str, Any]:
    """Read, count and select a corpus in partitions of `_PARTITION` documents; what each step held and moved."""
    blocks: list[list[pa.Buffer]] = []
    sums = SummedCounts()
    packet_bytes = packet_types = 0
    for batches in read(path, _PARTITION, _SLICES):
        blocks.append(values_in("block", batches))
        for packet in values_in("counts", batches):
            counts = from_stream(packet)
            packet_bytes, packet_types = packet_bytes + packet.size, packet_types + len(counts)
            sums.add(counts)
    counts = sums.counts()
    df = counts["df"].to_numpy()
    pairs = np.unique(np.stack([counts["tf"].to_numpy(), df]), axis=1).shape[1]
    partitions = Partitions(blocks, _CANDIDATES)
    picks = exact_greedy(partitions, _K, Bound(_K, len(counts) << 30))
    documents = pq.ParquetFile(path).metadata.num_rows
    return {
        "documents": documents,
        "partitions": len(blocks),
        "text_bytes": path.stat().st_size,
        "block_bytes": sum(block.size for part in blocks for block in part),
        "types": len(counts),
        "shared_types": int((df > 1).sum()),
        "term_bytes": sums.nbytes,
        "packet_bytes": packet_bytes,
        "packet_types": packet_types,
        "spectrum_pairs": pairs,
        "rounds": picks.rounds,
        "driver_bytes_a_round": max(partitions.moved),
        "covered_terms": len(picks.covered()),
    }


if __name__ == "__main__":
    words = vocabulary()
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for size in SIZES:
            path = Path(folder) / f"{size}.parquet"
            write(Workload(size, 110, seed=6), path, words)
            found.append(measure(path))
            print(found[-1], flush=True)
    text = json.dumps({"name": "scaling", "k": _K, "candidates": _CANDIDATES, "sizes": found}, indent=1)
    (Path(__file__).parent / "results" / "scaling.json").write_text(text + "\n")
