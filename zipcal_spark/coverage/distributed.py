"""The pure kernels of this package run over the partitions of a DataFrame of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from zipcal_spark.coverage import local, pricing
from zipcal_spark.coverage.candidates import Id, candidate_schema, sum_over_terms, weights_of
from zipcal_spark.documents import Block, blocks_of


class Partitions:
    """The documents of a corpus, as blocks in partitions.

    Parameters
    ----------
    blocks : DataFrame
        `name`, `documents`, `block`, `aside`; kept by the caller, every round reads it.
    count : int
        How many partitions hold documents.
    id_type : pyarrow.DataType
        string or int64.
    candidates : int
        How many documents a round may send to the driver.
    """

    def __init__(self, blocks: DataFrame, count: int, id_type: pa.DataType, candidates: int) -> None:
        # More partitions than candidates: some share a task, so that their proposals stay within the limit.
        self._blocks = blocks if count <= candidates else blocks.coalesce(candidates)
        self._partitions = min(count, candidates)
        self._id_type = id_type
        self._candidates = candidates

    def propose(self, covered: np.ndarray, chosen: pa.Array | None) -> pa.Table:
        """One round: see `local.propose` and `rounds.exact_greedy`."""
        limit = -(-self._candidates // max(1, self._partitions))
        return self._collect(partial(local.propose, covered=covered, chosen=chosen, limit=limit))

    def fetch(self, ids: list[Id]) -> pa.Table:
        """Rows of `candidate_schema` of the documents with these ids, with all their terms."""
        return self._collect(partial(local.fetch, ids=pa.array(ids, self._id_type)))

    def best_priced(self, names: np.ndarray, prices: np.ndarray, limit: int) -> pa.Table:
        """Rows of `candidate_schema` of the `limit` documents of the largest priced sums, see `pricing.best_priced`.

        Spark merges what the partitions give, so that the driver gets `limit` rows, the same on any partitioning.
        """
        kernel = partial(pricing.best_priced, names=names, prices=prices, limit=limit)
        rows = self._rows(kernel, self._blocks).orderBy(F.desc("gain"), F.desc("own"), "id").limit(limit)
        return rows.toArrow().cast(candidate_schema(self._id_type))

    def union_of_greedies(self, k: int) -> pa.Table:
        """Rows of `candidate_schema`: what each partition's own greedy of k documents selects.

        Partitions share tasks where their selections would exceed the limit of candidates.
        """
        tasks = max(1, self._candidates // k)
        blocks = self._blocks if self._partitions <= tasks else self._blocks.coalesce(tasks)
        return self._collect(partial(local.greedy_of_partition, k=k), blocks)

    def documents(self) -> DataFrame:
        """A row a document: `id`, `own` (summed weight, 2**-30), `characters`."""
        schema = f"id {'string' if pa.types.is_string(self._id_type) else 'bigint'}, own bigint, characters bigint"
        return self._blocks.mapInArrow(_documents_of, schema)

    def _collect(
        self, kernel: Callable[[Iterable[Block]], pa.Table | None], blocks: DataFrame | None = None
    ) -> pa.Table:
        return self._rows(kernel, blocks or self._blocks).toArrow().cast(candidate_schema(self._id_type))

    def _rows(self, kernel: Callable[[Iterable[Block]], pa.Table | None], blocks: DataFrame) -> DataFrame:
        rows = blocks.select("name", "block")
        return rows.mapInArrow(partial(_run, kernel=kernel), _ddl(candidate_schema(self._id_type)))


def _ddl(schema: pa.Schema) -> str:
    names = {"string": "string", "int64": "bigint", "binary": "binary"}
    return ", ".join(f"{column.name} {names[str(column.type)]}" for column in schema)


def _run(
    batches: Iterable[pa.RecordBatch], kernel: Callable[[Iterable[Block]], pa.Table | None]
) -> Iterator[pa.RecordBatch]:
    result = kernel(block for _, block in blocks_of(batches))
    if result is not None:
        yield from result.combine_chunks().to_batches(max_chunksize=10_000)


def _documents_of(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for _, block in blocks_of(batches):
        columns = {
            "id": block.ids,
            "own": sum_over_terms(block, weights_of(block)),
            "characters": block.characters,
        }
        yield pa.record_batch(columns)
