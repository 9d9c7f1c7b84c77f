"""The certificate: bounds on what any k documents cover, and how close to the optimum selections are proven to be."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import oracle
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inprocess import InProcess
from test_exactness import read_real

from zipcal_spark import ZipCal
from zipcal_spark.coverage import certificate, programme
from zipcal_spark.coverage.bound import Bound, certified_fraction
from zipcal_spark.coverage.candidates import Candidates
from zipcal_spark.coverage.certificate import certify

_corpora = st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5), min_size=1, max_size=7)


def documents_of(words: list[list[str]]) -> list[tuple]:
    return [(f"d{n}", " ".join(text)) for n, text in enumerate(words)]


def optimum(documents: list[tuple], k: int, weights: str) -> int:
    corpus = oracle.corpus(documents)
    weight = oracle.weights(corpus, weights)
    sets = combinations(corpus.windows, min(k, len(corpus.windows)))
    return max(oracle.coverage_of(corpus, ids, weight) for ids in sets)


def every_row(corpus: InProcess) -> pa.Table:
    return corpus.best_priced(np.empty(0, np.int64), np.empty(0, np.int64), corpus.documents)


@settings(max_examples=150, deadline=None)
@given(_corpora, st.integers(1, 7), st.sampled_from(["uniform", "rarity", "idf"]), st.integers(0, 2**32))
def test_any_prices_give_a_bound_on_the_optimum(words, k, weights, seed):
    documents = documents_of(words)
    corpus = InProcess(documents, [n % 3 for n in range(len(documents))], weights)
    every = Candidates.from_rows(every_row(corpus))
    rng = np.random.default_rng(seed)
    prices = (every.weights * rng.choice([0, 0.3, 1, rng.random()], len(every.weights))).astype(np.int64)
    k = min(k, len(documents))
    rows = corpus.best_priced(every.hashes, prices, k)
    bound = Bound(k, corpus.total)
    bound.tighten(int((every.weights - prices).sum()), rows["gain"].to_numpy(), name="lp")
    assert bound.upper >= optimum(documents, k, weights)


@settings(max_examples=60, deadline=None)
@given(_corpora, st.integers(1, 7), st.sampled_from(["uniform", "rarity", "idf"]), st.integers(1, 4))
def test_certificate_is_never_below_the_optimum(words, k, weights, columns):
    documents = documents_of(words)
    corpus = InProcess(documents, [n % 2 for n in range(len(documents))], weights)
    picks, bound = corpus.select(k)
    k = min(k, len(documents))
    before = bound.upper
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificate, "_FEWEST_COLUMNS", columns)
        patch.setattr(certificate, "_COLUMNS_A_PICK", 1)
        if len(picks) == k:
            certify(corpus, picks, k, bound, "5", len(documents))
    assert optimum(documents, k, weights) <= bound.upper <= before


@pytest.fixture(scope="module")
def random_documents() -> list[tuple]:
    rng = np.random.default_rng(11)
    return [(n, " ".join(f"t{t}" for t in rng.zipf(1.2, 30) % 3000)) for n in range(400)]


@pytest.mark.parametrize("weights", ["uniform", "rarity", "idf"])
def test_column_generation_reaches_the_programme_of_the_whole_corpus(random_documents, weights, monkeypatch):
    monkeypatch.setattr(certificate, "_FEWEST_COLUMNS", 60)
    monkeypatch.setattr(certificate, "_NEW_COLUMNS", 1e-9)
    corpus = InProcess(random_documents, [n % 3 for n in range(400)], weights)
    picks, bound = corpus.select(20)
    assert bound.name == "prefix"
    by_rounds = certified_fraction(picks.coverage, bound.upper)
    assert certify(corpus, picks, 20, bound, "30", 400) > 2
    assert bound.name == "lp"
    assert bound.upper == pytest.approx(whole_programme(Candidates.from_rows(every_row(corpus)), 20), rel=1e-6)
    assert certified_fraction(picks.coverage, bound.upper) > by_rounds


def whole_programme(every: Candidates, k: int) -> float:
    """The optimum of the linear programme over all documents, in one piece and without any reduction."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, hstack, identity, vstack

    n, m = len(every), len(every.weights)
    owners = np.repeat(np.arange(n), np.diff(every.offsets))
    has = csr_array((-np.ones(len(owners)), (every.terms, owners)), shape=(m, n))
    rows = vstack([hstack([has, identity(m)]), csr_array(np.append(np.ones(n), np.zeros(m))[None])])
    values = np.append(np.zeros(n), every.weights / 2**30)
    found = linprog(-values, A_ub=rows, b_ub=np.append(np.zeros(m), k), bounds=(0, 1), method="highs-ds")
    return -found.fun * 2**30


@pytest.mark.parametrize("parts", [2, 7, 64])
def test_certificate_is_the_same_on_any_partitioning(random_documents, parts):
    def prove(assignment):
        corpus = InProcess(random_documents, assignment, "idf")
        picks, _ = corpus.select(20)
        bound = Bound(20, corpus.total)
        certify(corpus, picks, 20, bound, "auto", 400)
        return bound.upper

    assignment = np.random.default_rng(parts).integers(0, parts, 400).tolist()
    assert prove(assignment) == prove([0] * 400)


@pytest.mark.parametrize("fault", ["raises", "nan", "unsolved", "short", "wild"])
def test_a_failing_solver_leaves_the_bound_that_is_there(random_documents, monkeypatch, fault):
    import scipy.optimize

    real = scipy.optimize.linprog

    def broken(*arguments, **named):
        if fault == "raises":
            raise RuntimeError("numerical trouble")
        found = real(*arguments, **named)
        marginals = np.asarray(found.ineqlin.marginals)
        if fault == "nan":
            found.ineqlin.marginals = np.full_like(marginals, np.nan)
        if fault == "short":
            found.ineqlin.marginals = marginals[:3]
        if fault == "wild":
            found.ineqlin.marginals = marginals * -1e30
        found.status = 1 if fault == "unsolved" else 0
        return found

    monkeypatch.setattr(scipy.optimize, "linprog", broken)
    corpus = InProcess(random_documents, [0] * 400)
    picks, bound = corpus.select(20)
    before = bound.upper
    certify(corpus, picks, 20, bound, "auto", 400)
    assert picks.coverage < bound.upper <= before


def test_auto_leaves_a_large_programme_alone_and_a_number_solves_it(random_documents, monkeypatch):
    monkeypatch.setattr(certificate, "_ENTRIES", 100)
    corpus = InProcess(random_documents, [0] * 400)
    picks, bound = corpus.select(20)
    assert certify(corpus, picks, 20, bound, "auto", 400) == 0
    assert certify(corpus, picks, 20, bound, "off", 400) == 0
    assert bound.name == "prefix"
    assert certify(corpus, picks, 20, bound, "1", 400) == 2
    assert bound.name == "lp"


def test_prices_lie_between_nothing_and_the_weight(random_documents):
    every = Candidates.from_rows(every_row(InProcess(random_documents, [0] * 400, "idf")))
    prices = programme.solve(every, 20, 60.0).prices
    assert prices is not None
    assert prices.dtype == np.int64
    assert (prices >= 0).all()
    assert (prices <= every.weights).all()
    assert (prices < every.weights).any()


@pytest.mark.parametrize("weights", ["uniform", "rarity", "idf"])
def test_run_with_spark_says_what_is_proven_and_by_what(frame, random_documents, true_partitions, weights):
    reports = [
        ZipCal(k=20, weights=weights, certify=how).select(frame(random_documents, parts)).report.selection
        for how, parts in (("off", 3), ("auto", 1), ("auto", 7))
    ]
    off, *auto = reports
    assert (off.bound, off.certify_rounds) == ("prefix", 0)
    assert {report.bound for report in auto} == {"lp"}
    assert auto[0].certified_fraction == auto[1].certified_fraction > off.certified_fraction
    assert auto[0].certify_rounds == auto[1].certify_rounds > 1


@pytest.mark.parametrize(
    ("names", "k", "proven"),
    [
        (["gsm8k"], 128, 0.96),
        (["gsm8k", "svamp", "tldr_en", "wikitext2", "xquad_en"], 512, 0.98),
    ],
)
def test_real_text_is_certified_by_default(names, k, proven):
    documents = []
    for name in names:
        documents += [(f"{name}{n}", text) for n, (_, text) in enumerate(read_real(f"{name}.jsonl.gz"))]
    corpus = InProcess(documents, [0] * len(documents), batch=1000)
    picks, bound = corpus.select(k)
    certify(corpus, picks, k, bound, "auto", len(documents))
    assert bound.name == "lp"
    assert certified_fraction(picks.coverage, bound.upper) >= proven
