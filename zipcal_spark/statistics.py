"""Global Zipf statistics by map-reduce: each partition's own counts, summed; and what the selection needs of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from zipcal_spark.documents import BLOCK_COLUMNS, Block, block_batch, blocks_of, from_stream
from zipcal_spark.terms import SummedCounts
from zipcal_spark.weights import term_weights
from zipcal_spark.zipf import Spectrum

_ROWS_A_BATCH = 100_000


_Rule = dict[str, Any]  # the keyword arguments of `term_weights` that a run fixes


class HashCollision(Exception):
    """Two terms of the corpus have the same 64-bit name: the pass must be done again with another salt."""


def vocabulary(packets: DataFrame, slices: int) -> DataFrame:
    """The reduce: sum the partitions' own counts, slice by slice.

    Parameters
    ----------
    packets : DataFrame
        `slice`, `counts`: see `reading.packets`.
    slices : int
        How many there are.

    Returns
    -------
    DataFrame
        `hash` bigint, `term` string, `tf` bigint, `df` bigint: a row a term of the corpus; where two share a name, a
        row with tf 0 besides.
    """
    sliced = packets.select("slice", "counts").repartition(slices, "slice")
    return sliced.mapInArrow(_sum_packets, "hash bigint, term string, tf bigint, df bigint")


def _sum_packets(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    table = SummedCounts()
    for batch in batches:
        for packet in batch["counts"]:
            table.add(from_stream(packet.as_buffer()))
    counts = pa.table(table.counts())
    yield from counts.set_column(1, "term", counts["term"].cast(pa.string())).to_batches(max_chunksize=_ROWS_A_BATCH)


def spectrum(terms: DataFrame, documents: int) -> Spectrum:
    """How many terms have which frequencies: all that the laws of the vocabulary depend on.

    Parameters
    ----------
    terms : DataFrame
        See `vocabulary`.
    documents : int
        Number of documents, N.

    Returns
    -------
    zipf.Spectrum
        Its length grows far slower than the vocabulary: it is what reaches the driver.

    Raises
    ------
    HashCollision
    """
    table = terms.groupBy("tf", "df").agg(F.count("*").alias("types")).toArrow()
    table = table.sort_by([("tf", "descending"), ("df", "descending")])
    columns = {name: table[name].to_numpy() for name in ("tf", "df", "types")}
    if (columns["tf"] == 0).any():
        raise HashCollision
    return Spectrum(**columns, documents=documents)


def ranked(terms: DataFrame) -> DataFrame:
    """The vocabulary with ranks: the most frequent term has rank 1, ties go by the term.

    No task sees all terms: ranks are counted within groups of equal frequency and first characters, behind the sizes
    of the groups before. Groups are far fewer than terms.

    Returns
    -------
    DataFrame
        `term` string, `tf` bigint, `df` bigint, `rank` int.
    """
    group = [F.col("tf"), F.substring("term", 1, 2).alias("prefix")]
    terms = terms.select("term", "df", *group)
    before = Window.orderBy(F.desc("tf"), "prefix").rowsBetween(Window.unboundedPreceding, -1)
    sizes = terms.groupBy("tf", "prefix").agg(F.count("*").alias("size"))
    offsets = sizes.select("tf", "prefix", F.coalesce(F.sum("size").over(before), F.lit(0)).alias("offset"))
    within = F.row_number().over(Window.partitionBy("tf", "prefix").orderBy("term"))
    rank = (F.col("offset") + F.col("within")).cast("int").alias("rank")
    return terms.withColumn("within", within).join(offsets, ["tf", "prefix"]).select("term", "tf", "df", rank)


def weighted(
    blocks: DataFrame,
    partitions: int,
    terms: DataFrame,
    spectrum: Spectrum,
    *,
    weights: str,
    min_doc_freq: int,
    broadcast_limit: int,
    folder: str | None = None,
) -> DataFrame:
    """Bring the terms' weights to the blocks: by broadcast, or by a join past `broadcast_limit` terms.

    A term that occurs in one document only needs no broadcast: its block knows its frequencies, absence means "once".

    Parameters
    ----------
    blocks : DataFrame
        Rows of `documents.block_batch`.
    partitions : int
        How many partitions have blocks.
    terms : DataFrame
        See `vocabulary`.
    spectrum : zipf.Spectrum
    weights, min_doc_freq, broadcast_limit
        See `config.SelectionParameters`.
    folder : str, optional
        Where the blocks with weights go, see `documents.block_batch`.

    Returns
    -------
    DataFrame
        Blocks with weights; both ways give the same bits.
    """
    shared = terms.where("df > 1").select("hash", "tf", "df")
    rule: _Rule = {"name": weights, "documents": spectrum.documents, "min_doc_freq": min_doc_freq}
    if int(spectrum.types[spectrum.df > 1].sum()) <= broadcast_limit:
        table = shared.toArrow().sort_by("hash")
        known = {name: table[name].to_numpy() for name in ("hash", "tf", "df")}
        # A closure of more than a megabyte travels as a broadcast; so does one of Spark Connect.
        return blocks.mapInArrow(partial(_weigh_by_broadcast, known=known, rule=rule, folder=folder), BLOCK_COLUMNS)
    places = blocks.mapInArrow(_places, "name string, position bigint, hash bigint")
    found = places.join(shared.hint("shuffle_hash"), "hash").select("name", "position", "tf", "df")
    # What is kept is not resized by Spark's adaptive execution, so its partitions are sized here, too.
    left, right = (table.repartition(partitions, "name").groupBy("name") for table in (blocks, found))
    together = left.cogroup(right)
    return together.applyInArrow(partial(_weigh_by_join, rule=rule, folder=folder), BLOCK_COLUMNS)


def _weigh(block: Block, positions: np.ndarray, tf: np.ndarray, df: np.ndarray, rule: _Rule) -> Block:
    """The block with weights, given the global frequencies of those of its terms that others have, too."""
    all_tf, all_df = block.tf.astype(np.int64), np.ones(len(block.tf), np.int64)
    all_tf[positions], all_df[positions] = tf, df
    return replace(block, weights=term_weights(tf=all_tf, df=all_df, **rule))


def _weigh_by_broadcast(
    batches: Iterable[pa.RecordBatch], known: dict[str, np.ndarray], rule: _Rule, folder: str | None
) -> Iterator[pa.RecordBatch]:
    for name, block in blocks_of(batches):
        place = np.searchsorted(known["hash"], block.hashes)
        place[place == len(known["hash"])] = 0
        found = np.flatnonzero(known["hash"][place] == block.hashes) if len(known["hash"]) else np.empty(0, np.int64)
        place = place[found]
        yield block_batch(name, _weigh(block, found, known["tf"][place], known["df"][place], rule), folder)


def _places(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """A row for each term of each block."""
    for name, block in blocks_of(batches):
        columns = {
            "name": pa.repeat(name, len(block.hashes)),
            "position": np.arange(len(block.hashes)),
            "hash": block.hashes,
        }
        yield from pa.table(columns).to_batches(max_chunksize=100_000)


def _weigh_by_join(blocks: pa.Table, found: pa.Table, rule: _Rule, folder: str | None) -> pa.Table:
    (name, block), *others = blocks_of(blocks.to_batches())
    assert not others, "block names are unique"
    positions, tf, df = (found[column].to_numpy() for column in ("position", "tf", "df"))
    return pa.Table.from_batches([block_batch(name, _weigh(block, positions, tf, df, rule), folder)])
