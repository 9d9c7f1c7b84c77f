"""The partitions of a corpus in this process, by the same kernels: for what Spark's own times would hide."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from zipcal_spark.coverage import local
from zipcal_spark.coverage.candidates import candidate_schema
from zipcal_spark.coverage.challenge import Guess, challenge, challenge_schema
from zipcal_spark.documents import Block
from zipcal_spark.reading import read_partition

_BATCH = 5_000


def read(path: Path, documents: int, slices: int = 8) -> Iterator[list[pa.RecordBatch]]:
    """What the pass over the text gives, for partitions of so many documents."""
    for number, batch in enumerate(pq.ParquetFile(path).iter_batches(batch_size=documents)):
        nothing = pa.nulls(len(batch), pa.string())
        rows = pa.record_batch({"id": batch["id"], "domain": nothing, "text": batch["text"], "fault": nothing})
        parts = [rows.slice(start, _BATCH) for start in range(0, len(rows), _BATCH)]
        yield list(read_partition(parts, partition=number, unit="word", max_length=128, salt=0, slices=slices))


def values_in(column: str, batches: Iterable[pa.RecordBatch]) -> list[pa.Buffer]:
    """The values that a binary column has."""
    return [value.as_buffer() for batch in batches for value in batch[column] if value.is_valid]


class Partitions:
    """Implements `rounds.Challengers`.

    Parameters
    ----------
    partitions : list of list of pyarrow.Buffer
        Blocks, as bytes.
    candidates : int
        See `config.SelectionParameters`.

    Attributes
    ----------
    seconds : float
        What the partitions' own part took so far.
    moved : list of int
        Bytes that came to the driver, each time.
    """

    def __init__(self, partitions: list[list[pa.Buffer]], candidates: int) -> None:
        self._partitions = partitions
        self._limit = -(-candidates // len(partitions))
        self.seconds = 0.0
        self.moved: list[int] = []

    def _collect(self, kernel: Callable[[Iterable[Block]], pa.Table | None], schema: pa.Schema) -> pa.Table:
        start = time.perf_counter()
        found = [kernel(map(Block.from_bytes, partition)) for partition in self._partitions]
        sent = [part.combine_chunks() for part in found if part is not None]  # as a task sends it
        rows = pa.concat_tables([schema.empty_table(), *sent])
        del found, sent  # thousands of objects, which the driver does not have
        self.seconds += time.perf_counter() - start
        self.moved.append(rows.nbytes)
        return rows

    def everything(self) -> pa.Table | None:
        """None: there are too many."""
        return None

    def seeds(self, chosen: pa.Array | None) -> pa.Table:
        """See `local.seeds`."""
        return self._collect(lambda blocks: local.seeds(blocks, chosen, self._limit), candidate_schema(pa.string()))

    def challenge(self, guess: Guess, chosen: pa.Array | None) -> pa.Table:
        """See `challenge.challenge`."""
        return self._collect(
            lambda blocks: challenge(blocks, guess, chosen, self._limit), challenge_schema(pa.string())
        )
