"""The strategy `lp`: never worse than the greedy, never above the bound, the same on any partitioning."""

from __future__ import annotations

import numpy as np
import oracle
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inprocess import InProcess
from test_certificate import documents_of, every_row, optimum
from test_exactness import read_real

from zipcal_spark import ZipCal
from zipcal_spark.coverage import certificate, swaps
from zipcal_spark.coverage.candidates import Candidates
from zipcal_spark.coverage.swaps import coverage_of, improve, round_up, swap, swap_prices

_corpora = st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=5), min_size=2, max_size=9)
_weights = st.sampled_from(["uniform", "rarity", "idf"])


def lp_over(corpus: InProcess, k: int):
    """Greedy's and lp's picks, and the bound."""
    greedy, bound = corpus.select(k)
    found = improve(corpus, greedy, k, bound, lambda rounds: None) if len(greedy) == k and greedy.layer == 1 else greedy
    return greedy, found, bound


@settings(max_examples=80, deadline=None)
@given(_corpora, st.integers(1, 5), _weights, st.integers(1, 6))
def test_lp_lies_between_the_greedy_and_the_optimum(words, k, weights, columns):
    documents = documents_of(words)
    corpus = InProcess(documents, [n % 3 for n in range(len(documents))], weights)
    k = min(k, len(documents))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificate, "_FEWEST_COLUMNS", columns)
        patch.setattr(certificate, "_COLUMNS_A_PICK", 1)
        greedy, found, bound = lp_over(corpus, k)
    best = optimum(documents, k, weights)
    assert greedy.coverage <= found.coverage <= best <= bound.upper
    assert len(set(found.ids)) == len(found) == len(greedy)
    plain = oracle.corpus(documents)
    assert found.coverage == oracle.coverage_of(plain, found.ids, oracle.weights(plain, weights))


@settings(max_examples=60, deadline=None)
@given(_corpora, st.integers(1, 4), _weights, st.integers(0, 2**32))
def test_swaps_end_where_no_swap_brings_anything(words, k, weights, seed):
    documents = documents_of(words)
    every = Candidates.from_rows(every_row(InProcess(documents, [0] * len(documents), weights)))
    k = min(k, len(documents))
    start = np.random.default_rng(seed).choice(len(every), k, replace=False)
    end = swap(every, start)
    assert len(set(end.tolist())) == k
    best = coverage_of(every, end)
    assert best >= coverage_of(every, start)
    for going in end:
        for coming in set(range(len(every))) - set(end.tolist()):
            assert coverage_of(every, np.append(end[end != going], coming)) <= best


def test_rounding_takes_what_reaches_the_threshold_and_fills_greedily():
    documents = [("a", "p q r s"), ("b", "p q"), ("c", "t"), ("d", "r s t u")]
    every = Candidates.from_rows(every_row(InProcess(documents, [0] * 4)))
    place = {id_: n for n, id_ in enumerate(every.ids.to_pylist())}

    def rounded(threshold, k, **share):
        found = round_up(every, np.array([share.get(id_, 0.0) for id_ in place]), k, threshold)
        return "".join(sorted(every.ids.take(pa.array(found)).to_pylist()))

    assert rounded(0.5, 2, b=0.5) == "bd"
    assert rounded(0.6, 2, b=0.5) == "ad"
    assert rounded(0.5, 2, b=0.9, c=0.6, a=0.5) == "bc"
    assert rounded(0.5, 4, b=1.0) == "abcd"


def test_a_round_for_swaps_prices_what_at_most_one_document_covers():
    corpus = InProcess([("a", "x y"), ("b", "y z"), ("c", "x y z q")], [0, 1, 2])
    names, prices = swap_prices(corpus.fetch(["a", "b"]))
    rows = corpus.best_priced(names, prices, 3)
    worth = dict(zip(rows["id"].to_pylist(), rows["gain"].to_pylist(), strict=True))
    assert worth == {"c": 3 << 30, "a": 1 << 30, "b": 1 << 30}


def test_swaps_beyond_the_programme_come_from_a_round(monkeypatch):
    """The programme sees two documents only: what makes the selection better can come from nowhere else."""
    monkeypatch.setattr(swaps, "generate_columns", narrow_columns)
    documents = [("wide", "a b c d e f"), ("left", "a b c x"), ("right", "d e f y"), ("other", "x")]
    greedy, found, _ = lp_over(InProcess(documents, [0, 1, 2, 3]), 2)
    assert (greedy.ids, greedy.coverage >> 30) == (["wide", "left"], 7)
    assert (sorted(found.ids), found.coverage >> 30) == (["left", "right"], 8)


def narrow_columns(documents, greedy, k, bound, programmes, seconds, on_round):
    return certificate.Columns(documents.fetch(greedy.ids), None, None, 0)


def test_a_solver_that_fails_leaves_the_swaps(monkeypatch):
    monkeypatch.setattr(certificate, "solve", lambda *arguments: None)
    documents = [("wide", "a b c d e f"), ("left", "a b c x"), ("right", "d e f y"), ("other", "x")]
    greedy, found, _ = lp_over(InProcess(documents, [0, 1, 2, 3]), 2)
    assert found.coverage > greedy.coverage


@pytest.mark.parametrize("weights", ["uniform", "rarity", "idf"])
def test_lp_is_the_same_on_any_partitioning_and_in_any_order(weights):
    rng = np.random.default_rng(21)
    documents = [(n, " ".join(f"t{t}" for t in rng.zipf(1.3, 20) % 500)) for n in range(300)]
    results = set()
    for partitions in (1, 2, 7, 64):
        order = rng.permutation(len(documents))
        corpus = InProcess([documents[n] for n in order], rng.integers(0, partitions, len(documents)), weights)
        greedy, found, bound = lp_over(corpus, 12)
        assert found.coverage >= greedy.coverage
        results.add((tuple(found.ids), found.coverage, bound.upper))
    assert len(results) == 1


def test_lp_on_real_text_covers_more_than_the_greedy():
    documents = read_real("gsm8k.jsonl.gz")
    greedy, found, bound = lp_over(InProcess(documents, [n % 4 for n in range(len(documents))], batch=10_000), 128)
    assert greedy.coverage >> 30 == 2881
    assert 2900 <= found.coverage >> 30 <= bound.upper >> 30
    assert found.coverage / bound.upper > 0.98


def test_lp_on_spark_is_lp_in_one_process_and_certifies_itself(frame, true_partitions):
    rng = np.random.default_rng(22)
    documents = [(n, " ".join(f"t{t}" for t in rng.zipf(1.3, 20) % 900)) for n in range(500)]
    corpus = InProcess(documents, [0] * len(documents))
    _, found, bound = lp_over(corpus, 40)
    for partitions in (1, 7):
        with ZipCal(k=40, strategy="lp").select(frame(documents, partitions)) as result:
            rows = result.selection.orderBy("rank").collect()
            assert [row["id"] for row in rows] == found.ids
            selection = result.report.selection
            assert selection.coverage * 2**30 == found.coverage
            assert not selection.exact
            assert (selection.bound, bound.name) == ("lp", "lp")
            assert selection.certify_rounds == 0
            assert selection.certified_fraction == pytest.approx(found.coverage / bound.upper)
