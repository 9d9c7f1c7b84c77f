"""The distributed selection is the sequential greedy's, pick by pick, on any partitioning: the oracle decides."""

from __future__ import annotations

import gzip
import json

import numpy as np
import oracle
import pytest
from conftest import SHARED, shared_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zipcal_spark import ZipCal

PARTITIONS = [1, 2, 7, 64]
WEIGHTS = ["uniform", "rarity", "idf"]

# Few letters and short texts: many ties, duplicates, empty documents, documents of one term.
_words = ["a", "b", "c", "d", "e", "f", "g", "h", "ab", "cd", "é", "ß", "中", "的"]
_texts = st.lists(st.sampled_from(_words), max_size=7).map(" ".join)
_nothing = st.sampled_from([None, "", "  ", "...", "!?"])


@st.composite
def corpora(draw, max_size=40):
    texts = draw(st.lists(st.one_of(_texts, _texts, _texts, _nothing), min_size=1, max_size=max_size))
    texts.append(draw(st.sampled_from(["a", "a b", "z y x"])))  # at least one document can be used
    if draw(st.booleans()):
        return [(number * 7 % 101, text) for number, text in enumerate(texts)]
    return [(f"d{number * 7 % 101}", text) for number, text in enumerate(texts)]


def expected(documents, k, weights="uniform", min_doc_freq=1, unit="word", max_length=128):
    corpus = oracle.corpus(documents, unit, max_length)
    picks = oracle.greedy(corpus, k, oracle.weights(corpus, weights, min_doc_freq))
    return [tuple(pick) for pick in picks]


def selected(result):
    rows = result.selection.orderBy("rank").collect()
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    return [(row["id"], row["gain"], row["coverage"], row["layer"]) for row in rows]


def select(df, **parameters):
    with ZipCal(**parameters).select(df) as result:
        return selected(result)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_equals_the_oracle_on_corpora_full_of_ties(frame, true_partitions, data):
    documents = data.draw(corpora(max_size=24))
    k = data.draw(st.integers(1, len(documents) + 3))
    weights = data.draw(st.sampled_from(WEIGHTS))
    min_doc_freq = data.draw(st.sampled_from([1, 1, 2]))
    candidates = data.draw(st.sampled_from([3, 20_000]))
    broadcast_limit = data.draw(st.sampled_from([0, 2_000_000]))
    wanted = expected(documents, k, weights, min_doc_freq)
    for partitions in data.draw(st.sampled_from([[1, 7], [2, 7], [1, 2], [7]])):
        got = select(
            frame(documents, partitions),
            k=k,
            weights=weights,
            min_doc_freq=min_doc_freq,
            candidates=candidates,
            broadcast_limit=broadcast_limit,
        )
        assert got == wanted, f"{partitions} partitions"


@pytest.fixture(scope="module")
def mixed():
    """A corpus with a long tail, duplicates, and documents without text, large enough for 64 partitions."""
    rng = np.random.default_rng(11)
    documents = [(f"d{n}", " ".join(f"t{t}" for t in rng.zipf(1.25, n % 30 + 1) % 3000)) for n in range(900)]
    documents += [(f"copy{n}", text) for n, (_, text) in enumerate(documents[:60])]
    return documents + [(f"nothing{n}", None if n % 2 else " . ") for n in range(40)]


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("partitions", PARTITIONS)
def test_equals_the_oracle_on_any_partitioning(frame, true_partitions, mixed, partitions, weights):
    got = select(frame(mixed, partitions), k=80, weights=weights, candidates=200)
    assert got == expected(mixed, 80, weights)


@pytest.mark.parametrize("weights", ["rarity", "idf"])
def test_weights_by_broadcast_and_by_join_give_the_same_bits(frame, true_partitions, mixed, weights):
    by_broadcast, by_join = (
        select(frame(mixed, 7), k=60, weights=weights, min_doc_freq=2, broadcast_limit=limit) for limit in (10**6, 0)
    )
    assert by_broadcast == by_join == expected(mixed, 60, weights, min_doc_freq=2)


def test_all_documents_are_selected_where_k_is_beyond_their_number(frame):
    documents = [("a", "x y"), ("b", "x"), ("c", "x y"), ("d", None), ("e", "?")]
    got = select(frame(documents), k=100)
    assert got == expected(documents, 100)
    assert [row[0] for row in got] == ["a", "c", "b"]


REAL = sorted(path.name for path in SHARED.glob("*.jsonl.gz")) or ["gsm8k.jsonl.gz"]


def read_real(name):
    with gzip.open(shared_file(name)) as lines:
        return [(row["id"], row["text"]) for row in map(json.loads, lines)]


@pytest.mark.parametrize("name", REAL)
def test_equals_the_oracle_on_real_text(frame, true_partitions, name):
    documents = read_real(name)
    for number, partitions in enumerate(PARTITIONS[:3]):
        if (REAL.index(name) + number) % 3 == 0:
            continue  # each file in two of three ways: the suite has a quarter of an hour
        weights = WEIGHTS[(REAL.index(name) // 3 + number) % 3]
        got = select(frame(documents, partitions), k=64, weights=weights, candidates=100 if partitions == 7 else 20_000)
        assert got == expected(documents, 64, weights), f"{partitions} partitions, {weights}"


@pytest.mark.parametrize("name", ["svamp.jsonl.gz", "xcopa_th.jsonl.gz"])
def test_equals_the_oracle_through_all_layers_of_real_text(frame, name):
    documents = read_real(name)
    assert select(frame(documents), k=len(documents)) == expected(documents, len(documents))


@pytest.mark.parametrize("unit", ["word", "whitespace"])
@pytest.mark.parametrize("max_length", [8, 1000])
def test_equals_the_oracle_under_other_units_and_windows(frame, unit, max_length):
    documents = read_real("xquad_ar.jsonl.gz")
    got = select(frame(documents), k=40, unit=unit, max_length=max_length)
    assert got == expected(documents, 40, unit=unit, max_length=max_length)
