"""Global Zipf statistics by map-reduce: each partition's own counts, summed; and what the selection needs of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from zipcal_spark.documents import BLOCK_COLUMNS, Block, block_batch, blocks_of
from zipcal_spark.packets import packets, unpacked
from zipcal_spark.terms import SummedCounts
from zipcal_spark.weights import term_weights
from zipcal_spark.zipf import Spectrum, by_frequency

_ROWS_A_BATCH = 100_000
# Up to so many terms are read by each task that ranks some: some 100 MB.
TERMS_A_TASK = 2_000_000
# A task ranks about so many, and no more than so many tasks read all of them.
_RANKED_BY_TASK, _RANKING_TASKS = 300_000, 4

_Rule = dict[str, Any]  # the keyword arguments of `term_weights` that a run fixes


class HashCollision(Exception):
    """Two terms of the corpus have the same 64-bit name: the pass must be done again with another salt."""


def sums(packed: DataFrame, slices: int) -> DataFrame:
    """The reduce: sum the partitions' own counts, slice by slice.

    Parameters
    ----------
    packed : DataFrame
        `slice`, `file`, `counts`: see `packets.packets`.
    slices : int
        How many there are.

    Returns
    -------
    DataFrame
        Rows of two kinds, the columns of the other null: `counts` (binary: the Arrow stream of `hash`, `term`, `tf` and
        `df` of some terms; where two share a name, of a row with tf 0 besides), and `tf`, `df`, `types` (bigint: how
        many terms of the slice have these frequencies).
    """
    sliced = packed.select("slice", "file", "counts").repartition(slices, "slice")
    return sliced.mapInArrow(_sum_packets, "counts binary, tf bigint, df bigint, types bigint")


def _sum_packets(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    table = SummedCounts()
    for counts in unpacked(batches):
        table.add(counts)
    counts = table.counts()
    for packet in packets(counts, 1):
        nothing = {name: pa.nulls(len(packet), pa.int64()) for name in ("tf", "df", "types")}
        yield pa.record_batch({"counts": packet["counts"]} | nothing)
    pairs = (
        pa.table({name: counts[name] for name in ("tf", "df")}).group_by(["tf", "df"]).aggregate([([], "count_all")])
    )
    for batch in pairs.select(["tf", "df", "count_all"]).to_batches(max_chunksize=_ROWS_A_BATCH):
        nothing = pa.nulls(len(batch), pa.binary())
        yield pa.record_batch([nothing, *batch.columns], names=["counts", "tf", "df", "types"])


def spectrum(summed: DataFrame, documents: int) -> Spectrum:
    """How many terms have which frequencies: all that the laws of the vocabulary depend on.

    Parameters
    ----------
    summed : DataFrame
        See `sums`.
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
    pairs = summed.where("types is not null").groupBy("tf", "df").agg(F.sum("types").alias("types"))
    table = pairs.toArrow().sort_by([("tf", "descending"), ("df", "descending")])
    columns = {name: table[name].to_numpy() for name in ("tf", "df", "types")}
    if (columns["tf"] == 0).any():
        raise HashCollision
    return Spectrum(**columns, documents=documents)


def vocabulary(summed: DataFrame, names: np.ndarray | None = None) -> DataFrame:
    """The terms of the corpus, or those of some names: `hash` bigint, `term` string, `tf` bigint, `df` bigint."""
    packed = summed.where("counts is not null").select("counts")
    wanted = None if names is None else np.unique(names)
    return packed.mapInArrow(partial(_unpack, names=wanted), "hash bigint, term string, tf bigint, df bigint")


def _unpack(batches: Iterable[pa.RecordBatch], names: np.ndarray | None) -> Iterator[pa.RecordBatch]:
    for counts in unpacked(batches):
        if names is not None:
            counts = counts.filter(pc.is_in(counts["hash"], value_set=pa.array(names)))
        yield from _as_rows(pa.table(counts))


def _as_rows(terms: pa.Table) -> Iterator[pa.RecordBatch]:
    """In batches, terms as the strings that Spark knows."""
    place = terms.schema.get_field_index("term")
    terms = terms.set_column(place, "term", terms["term"].cast(pa.string()))
    return iter(terms.to_batches(max_chunksize=_ROWS_A_BATCH))


def ranked(summed: DataFrame, spectrum: Spectrum) -> DataFrame:
    """The vocabulary with ranks: the most frequent term has rank 1, ties go by the term.

    Up to `TERMS_A_TASK` terms are read by each of a few tasks, which sorts those of some frequencies: how many are
    before these the spectrum says. Of more, no task sees all: ranks are counted within groups of equal frequency and
    first characters, behind the sizes of the groups before. Groups are far fewer than terms.

    Parameters
    ----------
    summed : DataFrame
        See `sums`.
    spectrum : zipf.Spectrum
        Its own.

    Returns
    -------
    DataFrame
        `term` string, `tf` bigint, `df` bigint, `rank` int.
    """
    if spectrum.vocabulary_size <= TERMS_A_TASK:
        packed = summed.where("counts is not null").select("counts").coalesce(1)
        ranks = (partial(_rank, highest=high, lowest=low, before=before) for high, low, before in _ranges(spectrum))
        return reduce(
            DataFrame.union, [packed.mapInArrow(rank, "term string, tf bigint, df bigint, rank int") for rank in ranks]
        )
    group = [F.col("tf"), F.substring("term", 1, 2).alias("prefix")]
    terms = vocabulary(summed).select("term", "df", *group)
    before = Window.orderBy(F.desc("tf"), "prefix").rowsBetween(Window.unboundedPreceding, -1)
    sizes = terms.groupBy("tf", "prefix").agg(F.count("*").alias("size"))
    offsets = sizes.select("tf", "prefix", F.coalesce(F.sum("size").over(before), F.lit(0)).alias("offset"))
    within = F.row_number().over(Window.partitionBy("tf", "prefix").orderBy("term"))
    rank = (F.col("offset") + F.col("within")).cast("int").alias("rank")
    return terms.withColumn("within", within).join(offsets, ["tf", "prefix"]).select("term", "tf", "df", rank)


def _ranges(spectrum: Spectrum) -> list[tuple[int, int, int]]:
    """Ranges of frequencies that have about equally many terms: highest tf, lowest tf, how many terms are before."""
    frequencies, types = by_frequency(spectrum)
    ends = np.cumsum(types)
    tasks = min(_RANKING_TASKS, -(-int(ends[-1]) // _RANKED_BY_TASK))
    task_of = (2 * ends - types) * tasks // (2 * ends[-1])  # by the middle of those of the same frequency
    firsts = np.flatnonzero(np.diff(task_of, prepend=-1))
    lasts = np.append(firsts[1:], len(types)) - 1
    return [
        (int(frequencies[first]), int(frequencies[last]), int(ends[first] - types[first]))
        for first, last in zip(firsts, lasts, strict=True)
    ]


def _rank(batches: Iterable[pa.RecordBatch], highest: int, lowest: int, before: int) -> Iterator[pa.RecordBatch]:
    some = (pc.field("tf") <= highest) & (pc.field("tf") >= lowest)
    found = [counts.select(["term", "tf", "df"]).filter(some) for counts in unpacked(batches)]
    if found:
        terms = pa.Table.from_batches(found)
        terms = terms.take(pc.sort_indices(terms, [("tf", "descending"), ("term", "ascending")]))
        ranks = np.arange(before + 1, before + len(terms) + 1, dtype=np.int32)
        yield from _as_rows(terms.append_column("rank", pa.array(ranks)))


def weighted(
    blocks: DataFrame,
    partitions: int,
    summed: DataFrame,
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
    summed : DataFrame
        See `sums`.
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
    shared = vocabulary(summed).where("df > 1").select("hash", "tf", "df")
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
