"""From the corpus to what it holds: sparse documents, term counts, quarantine, and how many there are of each."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from zipcal_spark.config import CorpusParameters
from zipcal_spark.corpus import Corpus, reading_fault
from zipcal_spark.coverage.candidates import candidate_schema
from zipcal_spark.documents import BLOCK_SCHEMA
from zipcal_spark.errors import InputError, ZipcalError
from zipcal_spark.progress import Stages
from zipcal_spark.reading import read_once
from zipcal_spark.report import Documents
from zipcal_spark.result import Kept
from zipcal_spark.statistics import HashCollision, ranked, spectrum, sums
from zipcal_spark.zipf import Spectrum

# A task over blocks has at least so many documents: with fewer it costs more than it brings.
TASK_DOCUMENTS = 4096


@dataclass(frozen=True)
class Tally:
    """What a pass over the text has brought.

    Attributes
    ----------
    documents : report.Documents
        Rows by what became of them.
    partitions : int
        Partitions that have documents.
    blocks : int
    """

    documents: Documents
    partitions: int
    blocks: int


@dataclass(frozen=True)
class Counted:
    """What the pass over the text and the map-reduce give.

    Attributes
    ----------
    read : DataFrame
        See `reading.read_once`.
    sums : DataFrame
        The counts of terms, see `statistics.sums`.
    tally : Tally
    spectrum : zipf.Spectrum
    """

    read: DataFrame
    sums: DataFrame
    tally: Tally
    spectrum: Spectrum

    @property
    def partitions(self) -> int:
        """Partitions of `blocks`."""
        return min(self.tally.partitions, -(-self.tally.documents.eligible // TASK_DOCUMENTS))

    def blocks(self) -> DataFrame:
        """The sparse documents: rows of `documents.block_batch`."""
        blocks = self.read.where("name is not null").select(BLOCK_SCHEMA.names)
        return blocks.coalesce(self.partitions)

    def seeds(self, limit: int) -> pa.Table:
        """First candidates, about so many: rows of `candidate_schema`, the first picks of each block.

        Of more blocks than that, some are passed over, by a hash.
        """
        each = max(1, limit // self.tally.blocks)
        seeds = self.read.where(F.col("seed.pick") < each).select("seed.*")
        if self.tally.blocks > limit:
            seeds = seeds.where(F.pmod(F.xxhash64("id"), F.lit(-(-self.tally.blocks // limit))) == 0)
        rows = seeds.toArrow()
        schema = candidate_schema(rows.schema.field("id").type)
        rows = rows.append_column("gain", rows["own"]).append_column("weights", pa.nulls(len(rows), pa.binary()))
        return rows.select(schema.names).cast(schema)

    def vocabulary(self) -> DataFrame:
        """The terms, ranked: `term`, `tf`, `df`, `rank`."""
        return ranked(self.sums, self.spectrum)

    def quarantine(self, corpus: Corpus) -> DataFrame:
        """Rows that cannot be used: `id`, `domain`, `text`, `reason`."""
        rejected = self.read.where("rejected is not null").select("rejected.*")
        if not self.tally.documents.quarantined:
            rejected = rejected.limit(0)  # which Spark knows without looking
        return rejected.withColumn("id", F.col("id").cast(corpus.id_type))


def count(corpus: Corpus, parameters: CorpusParameters, stages: Stages, kept: Kept, seeds: bool = False) -> Counted:
    """Read the text once; count terms by map-reduce.

    If two terms share a name, all is done again with other names.

    Parameters
    ----------
    corpus : Corpus
    parameters : CorpusParameters
    stages : Stages
        Told of the stages `read` and `statistics`.
    kept : Kept
        Takes what later stages read again.
    seeds : bool
        Whether `Counted.seeds` will be asked for.

    Raises
    ------
    InputError
        There is no document that can be used.
    """
    slices = int(corpus.rows.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    for attempt in range(4):
        salt = secrets.randbits(63) if attempt else 0
        with stages.stage("read", "Reading text, counting terms"):
            folder = kept.folder(f"blocks-{attempt}")
            once = read_once(corpus.rows, parameters.unit, parameters.max_length, salt, slices, seeds, folder)
            read = kept.keep(once)
            try:
                tally = _tally(read)
            except Exception as error:
                if fault := reading_fault(error):
                    raise fault from error
                raise
        with stages.stage("statistics", "Merging the counts of all partitions"):
            summed = kept.keep(sums(read.where("slice is not null"), slices))
            try:
                return Counted(read, summed, tally, spectrum(summed, tally.documents.eligible))
            except HashCollision:
                kept.release()
    raise ZipcalError("Two terms got the same 64-bit name four times in a row: this is a defect, please report it.")


def _tally(read: DataFrame) -> Tally:
    """What the pass over the text has brought.

    Raises
    ------
    InputError
        There is no document that can be used.
    """
    reason = F.col("rejected.reason").alias("reason")
    counts = read.groupBy(reason).agg(
        F.count("rejected").alias("rejected"),
        F.coalesce(F.sum("documents"), F.lit(0)).alias("documents"),
        F.count("name").alias("blocks"),
        F.count_if(F.col("name").endswith("-0")).alias("partitions"),  # those of the partitions' first blocks
    )
    rows = counts.collect()
    by_reason = dict(sorted((row["reason"], row["rejected"]) for row in rows if row["reason"] is not None))
    eligible, quarantined = sum(row["documents"] for row in rows), sum(by_reason.values())
    if not rows:
        raise InputError("The input has no rows: name an input that has some.")
    if not eligible:
        found = ", ".join(f"{count:,} {reason}" for reason, count in by_reason.items())
        raise InputError(f"No document can be used ({found}): check the input and --text-column.")
    documents = Documents(eligible + quarantined, eligible, quarantined, by_reason)
    partitions, blocks = (sum(row[name] for row in rows) for name in ("partitions", "blocks"))
    return Tally(documents, partitions, blocks)
