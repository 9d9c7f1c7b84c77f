"""The kernels of the selection, without Spark: the greedy by rounds, the bound, the other orders."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import oracle
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inprocess import InProcess
from test_exactness import WEIGHTS, corpora

from zipcal_spark.coverage import local
from zipcal_spark.coverage.bound import Bound, certified_fraction
from zipcal_spark.coverage.candidates import Candidates
from zipcal_spark.coverage.challenge import Guess
from zipcal_spark.coverage.greedy import Greedy, greedy_over, in_order

SCALE = 2**30


def picked(picks):
    return [(pick.id, pick.gain / SCALE, pick.coverage / SCALE, pick.layer) for pick in picks.picks]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_greedy_by_rounds_equals_the_sequential_greedy(data):
    documents = data.draw(corpora())
    weights = data.draw(st.sampled_from(WEIGHTS))
    min_doc_freq = data.draw(st.sampled_from([1, 1, 1, 2, 3]))
    k = data.draw(st.integers(1, len(documents) + 3))
    parts = data.draw(st.sampled_from([1, 2, 7, 64]))
    assignment = data.draw(st.lists(st.integers(0, parts - 1), min_size=len(documents), max_size=len(documents)))
    candidates = data.draw(st.sampled_from([1, 2, 5, 20_000]))
    corpus = oracle.corpus(documents)
    weight = oracle.weights(corpus, weights, min_doc_freq)
    wanted = [tuple(pick) for pick in oracle.greedy(corpus, k, weight)]
    here = InProcess(documents, assignment, weights, min_doc_freq, candidates)
    picks, bound = here.select(k)
    # Documents without weight are no business of the rounds: they come last.
    assert picked(picks) == wanted[: len(picks)]
    assert all(gain == 0 for _, gain, _, _ in wanted[len(picks) :])
    assert here.total == sum(weight.values())
    assert picks.coverage <= bound.upper <= here.total


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_bound_is_never_below_the_optimum(data):
    documents = data.draw(corpora(max_size=9))
    weights = data.draw(st.sampled_from(WEIGHTS))
    k = data.draw(st.integers(1, 5))
    candidates = data.draw(st.sampled_from([1, 2, 20_000]))
    corpus = oracle.corpus(documents)
    weight = oracle.weights(corpus, weights)
    k = min(k, len(corpus.windows))
    optimum = max(oracle.coverage_of(corpus, chosen, weight) for chosen in combinations(corpus.windows, k))
    picks, bound = InProcess(documents, [i % 3 for i in range(len(documents))], weights, 1, candidates).select(k)
    assert bound.upper >= optimum
    fraction = Fraction(certified_fraction(picks.coverage, bound.upper))
    assert fraction <= (Fraction(picks.coverage, optimum) if optimum else 1)


def test_bound_is_the_optimum_where_documents_share_nothing():
    documents = [("a", "1 2 3"), ("b", "4 5"), ("c", "6")]
    picks, bound = InProcess(documents, [0, 1, 0]).select(2)
    assert bound.upper == picks.coverage == 5 * SCALE


def test_bound_counts_how_many_documents_have_a_gain():
    bound = Bound(3, 10**9)
    bound.tighten(100, np.array([5, 9, 7, 1]), np.array([1, 1, 2, 50]))
    assert bound.upper == 100 + 9 + 7 + 7


def test_bound_does_not_overflow():
    bound = Bound(1000, 2**80)
    bound.tighten(0, np.full(1000, 2**60))
    assert bound.upper == 1000 * 2**60


@given(st.integers(0, 2**70), st.integers(1, 2**70))
def test_certified_fraction_is_rounded_down(coverage, upper):
    fraction = certified_fraction(coverage, upper)
    assert Fraction(fraction) <= min(Fraction(1), Fraction(coverage, upper))
    assert fraction >= min(1.0, coverage / upper) * (1 - 2**-50)


def test_first_pick_of_equal_documents_has_the_larger_own_weight_then_the_smaller_id():
    # After "a b c d", both have gain 1; the one with more terms of its own comes first; ids as bytes: "10" < "9".
    documents = [("0", "a b c d"), ("9", "x a"), ("10", "y a"), ("8", "z a b")]
    picks, _ = InProcess(documents, [0, 1, 2, 3]).select(4)
    assert picks.ids == ["0", "8", "10", "9"]
    picks, _ = InProcess([(int(id_), text) for id_, text in documents], [0, 1, 2, 3]).select(4)
    assert picks.ids == [0, 8, 9, 10]


def test_a_challenge_sends_no_more_than_its_limit_of_documents_and_a_champion_a_partition():
    documents = [(number, f"t{number} u{number % 7}") for number in range(200)]
    here = InProcess(documents, [number % 2 for number in range(200)], candidates=10)
    rows = here.challenge(guess_of(here, [199]), None)
    sent = rows.filter(pc.is_valid(rows["id"])).to_pylist()
    assert [row["id"] for row in sent] == [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    assert all(row["step"] == 0 for row in sent)


def test_documents_without_weight_are_not_among_all():
    here = InProcess([("a", "x y"), ("b", "x"), ("c", "z z")], [0, 0, 0], min_doc_freq=2)
    assert here.everything()["id"].to_pylist() == ["a", "b"]


def guess_of(here: InProcess, ids: list, ends: bool = False, proven: int = 0, tally: int = 3) -> Guess:
    """Documents in an order, as a guess; their keys must fall."""
    picks = in_order(here.fetch(ids), ids)
    own = {row["id"]: row["own"] for row in here.fetch(ids).to_pylist()}
    return Guess(
        names=np.concatenate([pick.new_terms for pick in picks.picks]),
        covered_at=np.repeat(np.arange(len(ids), dtype=np.int32), [len(pick.new_terms) for pick in picks.picks]),
        gains=np.array([pick.gain for pick in picks.picks]),
        own=np.array([own[id_] for id_ in ids]),
        ids=pa.array(ids),
        ends=ends,
        proven=proven,
        tally=tally,
    )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_challenge_finds_the_first_step_that_is_beaten_its_champion_and_the_largest_gains(data):
    documents = data.draw(corpora())
    weights = data.draw(st.sampled_from(WEIGHTS))
    corpus = oracle.corpus(documents)
    weight = oracle.weights(corpus, weights)
    here = InProcess(documents, [number % 3 for number in range(len(documents))], weights, candidates=6)
    # The greedy over some of the documents: a guess.
    some = data.draw(st.sets(st.sampled_from(sorted(corpus.windows, key=str)), min_size=1))
    few = corpus._replace(windows={id_: corpus.windows[id_] for id_ in some})
    guessed = [pick for pick in oracle.greedy(few, data.draw(st.integers(1, 6)), weight) if pick.layer == 1]
    guessed = [pick.id for pick in guessed if pick.gain > 0]
    if not guessed:
        return
    ends = data.draw(st.booleans())
    proven = data.draw(st.integers(0, len(guessed)))
    rows = here.challenge(guess_of(here, guessed, ends, proven), None).to_pylist()

    def gain(id_, step):
        covered = {term for before in guessed[:step] for term in corpus.windows[before]}
        return sum(weight[term] for term in set(corpus.windows[id_]) - covered)

    def own(id_):
        return gain(id_, 0)

    def key(id_, step):
        return (-gain(id_, step), -own(id_), id_)

    steps = range(proven, len(guessed))
    beaten = {id_: [step for step in steps if key(id_, step) < key(guessed[step], step)] for id_ in corpus.windows}
    if ends:
        for id_ in corpus.windows:
            beaten[id_] += [len(guessed)] if gain(id_, len(guessed)) > 0 else []
    first = min((found[0] for found in beaten.values() if found), default=None)
    documents_sent = [row for row in rows if row["id"] is not None]
    assert all(row["step"] == (beaten[row["id"]] or [None])[0] for row in documents_sent)
    assert min((row["step"] for row in documents_sent if row["step"] is not None), default=None) == first
    if first is not None:
        champion = min((id_ for id_ in corpus.windows if first in beaten[id_]), key=lambda id_: key(id_, first))
        assert champion in {row["id"] for row in documents_sent}
    tallies: dict[int, list] = {}
    for row in rows:
        if row["id"] is None:
            for step, value, count in np.frombuffer(row["hashes"], np.int64).reshape(-1, 3).tolist():
                tallies.setdefault(step, []).extend([value] * count)
    assert max(tallies) >= len(guessed)
    for step, found in tallies.items():
        largest = sorted((gain(id_, min(step, len(guessed))) for id_ in corpus.windows), reverse=True)[:3]
        pairs = list(zip(sorted(found, reverse=True), largest, strict=False))
        assert all(value >= exact for value, exact in pairs)
        if weights == "uniform":
            assert all(value == exact for value, exact in pairs)


def test_a_small_corpus_needs_one_round_whatever_its_layers():
    picks, _ = InProcess([(number, "same words") for number in range(30)], [0] * 30).select(30)
    assert picks.rounds == 1
    assert [pick.layer for pick in picks.picks] == list(range(1, 31))


def test_partition_greedy_gives_all_terms_of_what_it_selects():
    here = InProcess([("a", "x y"), ("b", "x z"), ("c", "q")], [0, 0, 0])
    rows = local.greedy_of_partition(here.partitions[0], 2)
    assert set(rows["id"].to_pylist()) == {"a", "b"}
    assert [len(terms) // 8 for terms in rows["hashes"].to_pylist()] == [2, 2]


@settings(max_examples=100, deadline=None)
@given(corpora())
def test_greedy_over_all_documents_of_a_union_is_the_greedy(documents):
    corpus = oracle.corpus(documents)
    wanted = [tuple(pick) for pick in oracle.greedy(corpus, 5, oracle.weights(corpus))]
    here = InProcess(documents, [i % 2 for i in range(len(documents))])
    assert picked(greedy_over(here.everything(), 5)) == wanted


def test_any_order_has_its_own_gains_and_coverage():
    here = InProcess([("a", "x y z"), ("b", "x y"), ("c", "x q")], [0, 1, 0])
    rows = pa.concat_tables(
        found for part in here.partitions if (found := local.fetch(part, pa.array(["b", "c"]))) is not None
    )
    picks = in_order(rows, ["c", "b"])
    assert [(pick.id, pick.gain, pick.coverage) for pick in picks.picks] == [
        ("c", 2 * SCALE, 2 * SCALE),
        ("b", 1 * SCALE, 3 * SCALE),
    ]


def test_candidates_of_several_partitions_share_their_terms():
    here = InProcess([("a", "x y"), ("b", "y z")], [0, 1])
    candidates = Candidates.from_rows(here.everything())
    assert len(candidates.hashes) == 3
    greedy = Greedy(candidates)
    greedy.take(0)
    assert greedy.gains.tolist() == [0, SCALE]


@pytest.mark.parametrize("candidates", [1, 3, 10])
def test_fewer_candidates_make_more_rounds_not_other_picks(candidates):
    rng = np.random.default_rng(5)
    documents = [(n, " ".join(f"t{t}" for t in rng.zipf(1.3, 20) % 400)) for n in range(300)]
    few, _ = InProcess(documents, rng.integers(0, 4, 300), candidates=candidates).select(40)
    all_, _ = InProcess(documents, rng.integers(0, 4, 300)).select(40)
    assert picked(few) == picked(all_)
    assert few.rounds > all_.rounds == 1
