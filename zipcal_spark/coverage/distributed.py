"""The pure kernels of this package run over the partitions of a DataFrame of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from zipcal_spark.coverage import local, pricing
from zipcal_spark.coverage.candidates import Id, candidate_schema, own_weights
from zipcal_spark.coverage.challenge import Guess, challenge, challenge_schema
from zipcal_spark.documents import Block, blocks_of

Kernel = Callable[[Iterable[Block]], pa.Table | None]


class Partitions:
    """The documents of a corpus, as blocks in partitions.

    Parameters
    ----------
    blocks : DataFrame
        Rows of `documents.block_batch`; kept by the caller, every round reads it.
    count : int
        How many partitions hold documents.
    size : int
        How many documents there are.
    id_type : pyarrow.DataType
        string or int64.
    candidates : int
        How many documents a round may send to the driver.
    known_seeds : callable, optional
        Gives first candidates that are known already: rows of `candidate_schema`, about so many, perhaps none.
    """

    def __init__(
        self,
        blocks: DataFrame,
        count: int,
        size: int,
        id_type: pa.DataType,
        candidates: int,
        known_seeds: Callable[[int], pa.Table] | None = None,
    ) -> None:
        # More partitions than candidates: some share a task, so that what they send stays within the limit.
        self._blocks = blocks if count <= candidates else blocks.coalesce(candidates)
        self._partitions = min(count, candidates)
        self._size = size
        self._id_type = id_type
        self._candidates = candidates
        self._limit = -(-candidates // max(1, self._partitions))
        self._known_seeds = known_seeds

    def everything(self) -> pa.Table | None:
        """See `rounds.Challengers`: all documents where they are no more than the candidates may be."""
        return self._collect(local.everything) if self._size <= self._candidates else None

    def seeds(self, chosen: pa.Array | None) -> pa.Table:
        """See `rounds.Challengers` and `local.seeds`."""
        if self._known_seeds is not None and chosen is None:
            found = self._known_seeds(self._candidates)
            if len(found):
                return found
        return self._collect(partial(local.seeds, chosen=chosen, limit=self._limit))

    def challenge(self, guess: Guess, chosen: pa.Array | None) -> pa.Table:
        """One round: see `challenge.challenge`."""
        kernel = partial(challenge, guess=guess, chosen=chosen, limit=self._limit)
        return self._collect(kernel, schema=challenge_schema(self._id_type))

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

    def _collect(self, kernel: Kernel, blocks: DataFrame | None = None, schema: pa.Schema | None = None) -> pa.Table:
        schema = schema or candidate_schema(self._id_type)
        return self._rows(kernel, blocks or self._blocks, schema).toArrow().cast(schema)

    def _rows(self, kernel: Kernel, blocks: DataFrame, schema: pa.Schema | None = None) -> DataFrame:
        ddl = _ddl(schema or candidate_schema(self._id_type))
        return blocks.select("name", "file", "block").mapInArrow(partial(_run, kernel=kernel), ddl)


def _ddl(schema: pa.Schema) -> str:
    names = {"string": "string", "int64": "bigint", "binary": "binary"}
    return ", ".join(f"{column.name} {names[str(column.type)]}" for column in schema)


def _run(batches: Iterable[pa.RecordBatch], kernel: Kernel) -> Iterator[pa.RecordBatch]:
    result = kernel(block for _, block in blocks_of(batches))
    if result is not None:
        yield from result.combine_chunks().to_batches(max_chunksize=10_000)


def _documents_of(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for _, block in blocks_of(batches):
        columns = {
            "id": block.ids,
            "own": own_weights(block),
            "characters": block.characters,
        }
        yield pa.record_batch(columns)
