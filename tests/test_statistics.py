"""The map-reduce: counts, spectrum, ranks, weights brought to the blocks."""

from __future__ import annotations

import os
from itertools import pairwise
from unittest import mock

import numpy as np
import oracle
import pyarrow as pa
import pytest
from conftest import files_of_runs
from hypothesis import given
from hypothesis import strategies as st

from zipcal_spark import counting, pipeline, statistics
from zipcal_spark.config import CorpusParameters
from zipcal_spark.corpus import from_dataframe
from zipcal_spark.errors import ZipcalError
from zipcal_spark.packets import packets
from zipcal_spark.statistics import HashCollision, ranked, spectrum, sums, vocabulary
from zipcal_spark.zipf import Spectrum


@pytest.fixture(scope="module")
def documents():
    rng = np.random.default_rng(3)
    return [(f"d{n}", " ".join(f"t{t}" for t in rng.zipf(1.3, n % 12) % 500)) for n in range(400)]


@pytest.mark.parametrize("partitions", [1, 5])
def test_counts_equal_a_plain_count(frame, documents, partitions):
    corpus = oracle.corpus(documents, max_length=8)
    parameters = CorpusParameters(max_length=8)
    with pipeline.statistics(from_dataframe(frame(documents, partitions), parameters), parameters) as result:
        rows = {row["term"]: (row["tf"], row["df"]) for row in result.vocabulary.collect()}
        report = result.report
    assert rows == {term: (corpus.tf[term], corpus.df[term]) for term in corpus.tf}
    assert report.vocabulary.types == len(corpus.tf)
    assert report.vocabulary.tokens == sum(corpus.tf.values())
    assert report.vocabulary.hapaxes == sum(count == 1 for count in corpus.tf.values())
    assert report.documents.eligible == len(corpus.windows)
    assert report.documents.by_reason == {"blank text": len(documents) - len(corpus.windows)}
    assert report.selection is None
    assert result.selection is None


def test_ranks_go_by_frequency_then_term(frame, documents):
    corpus = oracle.corpus(documents)
    parameters = CorpusParameters()
    with pipeline.statistics(from_dataframe(frame(documents), parameters), parameters) as result:
        got = [row["term"] for row in result.vocabulary.orderBy("rank").collect()]
        ranks = [row["rank"] for row in result.vocabulary.orderBy("rank").collect()]
    assert got == sorted(corpus.tf, key=lambda term: (-corpus.tf[term], term))
    assert ranks == list(range(1, len(got) + 1))


@pytest.mark.parametrize(
    ("read", "rank"), [(0, 300_000), (2_000_000, 3), (2_000_000, 300_000)], ids=["windows", "few tasks", "one task"]
)
def test_ranks_order_terms_by_frequency_then_bytes(spark, monkeypatch, read, rank):
    monkeypatch.setattr(statistics, "TERMS_A_TASK", read)
    monkeypatch.setattr(statistics, "_RANKED_BY_TASK", rank)
    terms = ["b", "a", "ab", "é", "z", "中文", "中", "\U00010400x", "ﬀ", "aé", "aa"]
    summed = sums(counted(spark, [(n, term, 7 + n % 2, 1) for n, term in enumerate(terms)]), 3)
    rows = ranked(summed, spectrum(summed, 1)).orderBy("rank").collect()
    assert [row["term"] for row in rows] == sorted(terms, key=lambda term: (terms.index(term) % 2 == 0, term.encode()))
    assert [row["rank"] for row in rows] == list(range(1, len(terms) + 1))


def spectrum_of(tf):
    tf, types = np.unique(tf, return_counts=True)
    return Spectrum(tf=tf[::-1], df=np.ones(len(tf), np.int64), types=types[::-1], documents=9)


@given(st.lists(st.integers(1, 8), min_size=1, max_size=60))
def test_ranges_of_frequencies_follow_each_other_and_miss_no_term(tf):
    with mock.patch.object(statistics, "_RANKED_BY_TASK", 10):
        ranges = statistics._ranges(spectrum_of(tf))
    assert len(ranges) <= 4
    held = [sum(lowest <= one <= highest for one in tf) for highest, lowest, _ in ranges]
    assert sum(held) == len(tf)
    assert [before for _, _, before in ranges] == [sum(held[:place]) for place in range(len(held))]
    assert all(one[1] > other[0] for one, other in pairwise(ranges))


def test_ranges_of_frequencies_share_the_terms():
    ranges = statistics._ranges(spectrum_of(np.repeat([9, 3, 1], [100_000, 200_000, 700_000])))
    assert ranges == [(9, 3, 0), (1, 1, 300_000)]


def counted(spark, rows):
    """Packets of counts, each row from a partition of its own."""
    made = []
    for hash_, term, tf, df in rows:
        columns = {
            "hash": pa.array([hash_]),
            "term": pa.array([term], pa.large_string()),
            "tf": pa.array([tf]),
            "df": pa.array([df]),
        }
        made += packets(pa.record_batch(columns), 3)
    return spark.createDataFrame(pa.Table.from_batches(made))


def test_counts_of_partitions_are_summed(spark):
    rows = counted(spark, [(1, "x", 3, 2), (1, "x", 4, 1), (2, "y", 1, 1)])
    got = {tuple(row) for row in vocabulary(sums(rows, 3)).collect()}
    assert got == {(1, "x", 7, 3), (2, "y", 1, 1)}


def test_spectrum_counts_terms_of_equal_frequencies(spark):
    terms = sums(counted(spark, [(1, "x", 2, 1), (2, "y", 2, 1), (3, "z", 9, 4)]), 3)
    found = spectrum(terms, 5)
    assert (found.tf.tolist(), found.df.tolist(), found.types.tolist()) == ([9, 2], [4, 1], [1, 2])
    assert found.documents == 5


def test_two_terms_of_one_name_are_found(spark):
    terms = sums(counted(spark, [(1, "term one", 2, 1), (1, "term two", 2, 1), (3, "z", 9, 4)]), 3)
    with pytest.raises(HashCollision):
        spectrum(terms, 5)


def test_the_pass_is_repeated_with_other_names_after_a_collision(frame, documents, monkeypatch):
    salts = []
    before = files_of_runs(os.getpid())
    real_read, real_spectrum = counting.read_once, counting.spectrum

    def collide_at_first(terms, eligible):
        if len(salts) == 1:
            raise HashCollision
        return real_spectrum(terms, eligible)

    def read(rows, unit, max_length, salt, *others):
        salts.append(salt)
        return real_read(rows, unit, max_length, salt, *others)

    monkeypatch.setattr(counting, "read_once", read)
    monkeypatch.setattr(counting, "spectrum", collide_at_first)
    from test_exactness import expected, select

    assert select(frame(documents), k=20, weights="idf") == expected(documents, 20, "idf")
    assert salts[0] == 0
    assert len(set(salts)) == 2

    def collide(terms, eligible):
        raise HashCollision

    monkeypatch.setattr(counting, "spectrum", collide)
    with pytest.raises(ZipcalError, match="report it"):
        select(frame(documents), k=20)
    assert files_of_runs(os.getpid()) == before
