"""The one pass over the text: sparse documents, term counts, what cannot be used; and what terms are worth."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import oracle
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inprocess import blocks_in, read

from zipcal_spark.compiled import words_of
from zipcal_spark.documents import Block, block_batch, blocks_of, from_stream
from zipcal_spark.reading import read_partition
from zipcal_spark.terms import SummedCounts, UnitCounts, _mix, _name, hash_terms
from zipcal_spark.units import Spans, split_windows
from zipcal_spark.weights import SCALE, WEIGHTS, term_weights

KINDS = {
    "block": ["name", "documents", "block", "aside"],
    "terms": ["slice", "types", "counts"],
    "rejected": ["rejected"],
}


@pytest.fixture
def limits(monkeypatch):
    """Set the module's limits."""

    def set_limits(**values: int) -> None:
        for name, value in values.items():
            module = "packets" if name.startswith("PACKET") else "reading"
            monkeypatch.setattr(f"zipcal_spark.{module}.{name}", value)

    return set_limits


def rows_of(kind: str, batches: list[pa.RecordBatch]) -> list[dict]:
    """The rows of a kind; each row of the output must be of one kind, the others' columns null."""
    found = []
    for batch in batches:
        for row in batch.to_pylist():
            kinds = [name for name, columns in KINDS.items() if all(row[column] is not None for column in columns)]
            assert len(kinds) == 1
            others = ["file", "seed", *(column for name in KINDS if name != kinds[0] for column in KINDS[name])]
            assert all(row[column] is None for column in others)
            if kinds[0] == kind:
                found.append(row)
    return found


def packets_in(batches) -> list[pa.RecordBatch]:
    found = []
    for row in rows_of("terms", batches):
        counts = from_stream(pa.py_buffer(row["counts"]))
        assert len(counts) == row["types"]
        assert {name % 2**64 % 3 for name in counts["hash"].to_pylist()} == {row["slice"]}
        found.append(counts)
    return found


def terms_in(batches) -> list[dict]:
    return [row for counts in packets_in(batches) for row in counts.to_pylist()]


def rejected_in(batches) -> list[tuple]:
    rows = [row["rejected"] for row in rows_of("rejected", batches)]
    return [(row["id"], row["domain"], row["text"], row["reason"]) for row in rows]


def names_in(batches) -> list[str]:
    return [row["name"] for row in rows_of("block", batches)]


def assert_same_block(one: Block, other: Block) -> None:
    for field in fields(Block):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, pa.Array):
            assert a.equals(b), field.name
        elif a is None:
            assert b is None, field.name
        else:
            assert a.dtype == b.dtype, field.name
            assert a.tolist() == b.tolist(), field.name


def assert_counts_are_right(batches, documents, unit="word", max_length=128) -> None:
    """Terms, blocks and rejected rows together are what plain counting makes of the documents."""
    corpus = oracle.corpus(documents, unit, max_length)
    text_of = dict(documents)
    tf, df, term_of = Counter(), Counter(), {}
    for row in terms_in(batches):
        tf[row["term"]] += row["tf"]
        df[row["term"]] += row["df"]
        assert term_of.setdefault(row["hash"], row["term"]) == row["term"]
    assert tf == corpus.tf
    assert df == corpus.df
    found = set()
    tf_of_blocks, df_of_blocks = Counter(), Counter()
    blocks = blocks_in(batches)
    for block in blocks:
        terms = [term_of[name] for name in block.hashes.tolist()]
        assert len(set(terms)) == len(terms)
        bounds = pairwise(block.offsets.tolist())
        own_tf, own_df = Counter(), Counter()
        rows = zip(block.ids.to_pylist(), block.units, block.characters, bounds, strict=True)
        for id_, units, characters, (start, end) in rows:
            assert id_ not in found, "a document came twice"
            found.add(id_)
            positions = block.terms[start:end].tolist()
            assert len(positions) == len(set(positions))
            assert {terms[position] for position in positions} == set(corpus.windows[id_])
            assert units == len(corpus.windows[id_])
            assert characters == len(text_of[id_])
            own_tf.update(corpus.windows[id_])
            own_df.update(set(corpus.windows[id_]))
        assert dict(zip(terms, block.tf.tolist(), strict=True)) == own_tf
        tf_of_blocks.update(own_tf)
        df_of_blocks.update(own_df)
    assert found == set(corpus.windows)
    assert (tf_of_blocks, df_of_blocks) == (corpus.tf, corpus.df)
    assert [row["documents"] for row in rows_of("block", batches)] == [len(b.units) for b in blocks]
    lost = {id_ for id_, _, _, _ in rejected_in(batches)}
    assert lost | found == set(text_of)
    assert len(rejected_in(batches)) + len(found) == len(documents)


DOCUMENTS = [
    ("a", "the cat sat on the mat"),
    ("b", "The CAT, the dog. Élan élan"),
    ("c", None),
    ("d", "漢字と the かな"),
    ("e", "..."),
    ("f", "word " * 3000),
    ("g", "naïve " * 3000 + "end"),
    ("h", ""),
    ("i", "x" * 9000),
    ("j", "э" * 9000 + " the"),
    ("k", "a\0b nan None 0"),
    ("l", "!" * 9000),
    ("m", "—" * 9000),
]

_words = st.sampled_from(["a", "b", "c", "the", "É", "e\u0301", "漢", "が", "ΑΣ", ".", " ", "  ", "👍", "x1"])
_texts = st.one_of(st.none(), st.lists(_words, max_size=12).map(" ".join), st.lists(_words, max_size=60).map("".join))


# --- Counts ---


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
@pytest.mark.parametrize("max_length", [1, 3, 128])
@pytest.mark.parametrize("unit", ["word", "whitespace"])
def test_counts_equal_plain_counting_whatever_the_size_of_the_batches(unit, max_length, batch):
    batches = read(DOCUMENTS, unit, max_length, batch=batch)
    assert_counts_are_right(batches, DOCUMENTS, unit, max_length)


@settings(max_examples=150, deadline=None)
@given(st.lists(_texts, min_size=1, max_size=20), st.sampled_from(["word", "whitespace"]), st.integers(1, 9), st.data())
def test_counts_of_any_documents_equal_plain_counting(texts, unit, max_length, data):
    documents = list(enumerate(texts)) if data.draw(st.booleans()) else [(f"d{n}", t) for n, t in enumerate(texts)]
    batches = read(documents, unit, max_length, batch=data.draw(st.integers(1, 8)))
    assert_counts_are_right(batches, documents, unit, max_length)


def test_counts_of_a_small_corpus_by_hand():
    batches = read([("a", "x y X"), ("b", "y, z"), ("c", "y")], max_length=2)
    counted = {row["term"]: (row["tf"], row["df"]) for row in terms_in(batches)}
    assert counted == {"x": (1, 1), "y": (3, 3), "z": (1, 1)}
    (block,) = blocks_in(batches)
    assert block.ids.to_pylist() == ["a", "b", "c"]
    assert block.units.tolist() == [2, 2, 1]
    assert block.characters.tolist() == [5, 4, 1]
    assert block.offsets.tolist() == [0, 2, 4, 5]


def test_only_windows_are_counted():
    batches = read([("a", "one two three four")], max_length=2)
    assert sorted(row["term"] for row in terms_in(batches)) == ["one", "two"]


def test_all_batches_have_the_schema_of_the_pass():
    for id_type, ids in ((pa.string(), ["a", "b"]), (pa.int64(), [1, 2])):
        batches = read(list(zip(ids, ["some text", " "], strict=True)))
        assert len(batches) == 2 + len(packets_in(batches))
        for batch in batches:
            assert batch.schema.equals(batches[0].schema)
            assert set(batch.schema.names) == {"file", "seed"}.union(*KINDS.values())
            assert batch.schema.field("rejected").type.field("id").type == id_type


def test_partition_of_nothing_gives_nothing():
    def pass_over(batches):
        return list(read_partition(batches, partition=0, unit="word", max_length=128, salt=0, slices=3))

    rows = faulty_batch([("a", None, "text", None)])
    assert pass_over([]) == []
    assert pass_over([rows.slice(0, 0)]) == []
    assert len(pass_over([rows.slice(0, 0), rows, rows.slice(0, 0)])) == 2


def test_partition_without_a_usable_row_gives_only_the_rejected_ones():
    batches = read([("a", None), ("b", "  "), ("c", "!")], batch=1)
    assert names_in(batches) == []
    assert terms_in(batches) == []
    assert len(rejected_in(batches)) == 3


def test_salt_changes_names_and_nothing_else():
    def counted(salt):
        batch = faulty_batch([("a", None, "x y x", None), ("b", None, "y é", None)])
        return terms_in(list(read_partition([batch], partition=0, unit="word", max_length=9, salt=salt, slices=3)))

    plain, salted = counted(0), counted(7)
    assert {row.pop("hash") for row in plain}.isdisjoint({row.pop("hash") for row in salted})
    assert sorted(plain, key=repr) == sorted(salted, key=repr)


# --- Blocks ---


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ids", [pa.array(["a", "b", "é"]), pa.array([3, -1, 2**62], pa.int64())])
def test_block_survives_the_trip_through_bytes(ids, weighted):
    (part,) = split_windows(pa.array(["x y", "y z y", "q"]), "word", 128)
    table = UnitCounts()
    terms, offsets = table.count(part.units, part.offsets)
    assert terms.tolist() == [0, 1, 1, 2, 3]
    assert offsets.tolist() == [0, 2, 4, 5]
    counts = table.counts(terms)
    assert counts["term"].to_pylist() == ["x", "y", "z", "q"]
    assert counts["tf"].to_pylist() == [1, 3, 1, 1]
    assert counts["df"].to_pylist() == [1, 2, 1, 1]
    hashes, tf = counts["hash"].to_numpy(), counts["tf"].to_numpy().astype(np.uint32)
    units, characters = np.array([2, 3, 1], np.int32), np.array([3, 5, 1])
    block = Block(ids, units, characters, offsets, terms, hashes, tf)
    if weighted:
        block = replace(block, weights=np.array([0, 1, 2**30, 2**60]))
    assert_same_block(Block.from_bytes(*map(pa.py_buffer, block.to_bytes())), block)
    batch = block_batch("7-0", block)
    assert batch["documents"].to_pylist() == [3]
    read_back = list(blocks_of([batch, batch]))
    assert [name for name, _ in read_back] == ["7-0", "7-0"]
    for _, each in read_back:
        assert_same_block(each, block)


def test_block_is_read_without_what_few_need():
    (block,) = blocks_in(read([("a", "x y x"), ("b", "y")]))
    data, _ = block.to_bytes()
    nothing = {"characters": np.empty(0, np.int64), "tf": np.empty(0, np.uint32)}
    assert_same_block(Block.from_bytes(pa.py_buffer(data)), replace(block, **nothing))


def test_block_with_more_terms_than_two_bytes_can_number_survives_the_trip():
    names = np.random.default_rng(3).integers(-(2**63), 2**63, 70_000)
    terms = np.random.default_rng(4).permutation(70_000).astype(np.uint32)
    lengths = np.array([1, 65_535, 2, 4_462])
    offsets = np.append(0, np.cumsum(lengths))
    ids = pa.array(["a", "b", "c", "d"])
    block = Block(ids, lengths.astype(np.int32), lengths * 7, offsets, terms, names, np.ones(70_000, np.uint32))
    assert (terms >= 2**16).sum() == 70_000 - 2**16
    assert_same_block(Block.from_bytes(*map(pa.py_buffer, block.to_bytes())), block)


def test_block_of_a_partition_is_the_same_whatever_the_size_of_the_batches():
    documents = [(n, f"w{n % 7} w{n % 3} é{n % 2}") for n in range(40)]
    (whole,) = blocks_in(read(documents, batch=100))
    (parts,) = blocks_in(read(documents, batch=3))
    assert_same_block(parts, whole)


@pytest.mark.parametrize("limit", [1, 4, 10, 40])
def test_blocks_are_cut_off_at_so_many_documents(limits, limit):
    limits(BLOCK_DOCUMENTS=limit)
    documents = [(f"d{n}", f"w{n % 5} common é{n}" if n % 2 else f"w{n % 5} common") for n in range(40)]
    batches = read(documents, batch=3)
    sizes = [len(block.units) for block in blocks_in(batches)]
    assert sum(sizes) == 40
    # A block takes whole batches.
    assert all(limit <= size < limit + 3 for size in sizes[:-1])
    assert 1 <= sizes[-1] < limit + 3
    assert len(set(names_in(batches))) == len(sizes)
    assert_counts_are_right(batches, documents)


def test_blocks_are_cut_off_at_so_many_units(limits):
    limits(BLOCK_TERMS=20)
    documents = [(n, "six words in each of them") for n in range(10)]
    batches = read(documents, batch=1)
    assert [int(block.units.sum()) for block in blocks_in(batches)] == [24, 24, 12]
    assert_counts_are_right(batches, documents)


def test_blocks_of_all_partitions_have_names_of_their_own(limits):
    limits(BLOCK_DOCUMENTS=2)
    documents = [(n, "x y") for n in range(25)]
    names = [name for partition in (0, 1, 11, 111) for name in names_in(read(documents, partition=partition, batch=1))]
    assert len(names) == 4 * 13
    assert len(set(names)) == len(names)


def test_rejected_rows_do_not_fill_blocks(limits):
    limits(BLOCK_DOCUMENTS=3)
    documents = [(n, "x" if n % 4 == 0 else "?") for n in range(24)]
    assert [len(block.units) for block in blocks_in(read(documents, batch=4))] == [3, 3]


# --- Term counts ---


def test_partition_has_one_row_a_term(limits):
    limits(BLOCK_DOCUMENTS=2)
    documents = [(n, f"common w{n % 5} é") for n in range(30)]
    batches = read(documents, batch=1)
    assert len(blocks_in(batches)) == 15
    terms = [row["term"] for row in terms_in(batches)]
    assert sorted(terms) == sorted(["common", "é", "w0", "w1", "w2", "w3", "w4"])


@pytest.mark.parametrize("counted_terms", [0, 1, 5, 12, 40])
def test_term_counts_past_the_limit_come_in_parts_that_sum_up(limits, counted_terms):
    limits(BLOCK_DOCUMENTS=2, COUNTED_TERMS=counted_terms)
    documents = [(n, f"common w{n} w{n // 2} w{n // 10}") for n in range(60)]
    batches = read(documents, batch=1)
    parts = Counter(row["term"] for row in terms_in(batches))
    assert parts["common"] > 1
    assert_counts_are_right(batches, documents)


def test_term_counts_within_the_limit_are_combined_as_often_as_they_pass_it(limits):
    # Each block brings 2 terms of its own and 1 that all share: 31 distinct terms in 45 rows.
    limits(BLOCK_DOCUMENTS=1, COUNTED_TERMS=31)
    documents = [(n, f"common a{n} b{n}") for n in range(15)]
    batches = read(documents, batch=1)
    assert max(Counter(row["term"] for row in terms_in(batches)).values()) == 1
    assert_counts_are_right(batches, documents)


def test_term_counts_come_in_packets_of_bounded_length(limits):
    limits(PACKET_TERMS=100)
    documents = [(n, " ".join(f"w{n}x{m}" for m in range(100))) for n in range(11)]
    batches = read(documents, max_length=1000, batch=50)
    assert sum(len(counts) for counts in packets_in(batches)) == 1100
    assert max(len(counts) for counts in packets_in(batches)) <= 100
    assert_counts_are_right(batches, documents)


def test_huge_terms_come_in_packets_of_bounded_size(limits):
    limits(PACKET_BYTES=1000)
    documents = [(n, "x" * 300 + str(n)) for n in range(10)]
    batches = read(documents)
    sizes = [sum(len(term) for term in counts["term"].to_pylist()) for counts in packets_in(batches)]
    assert len(sizes) > 3
    assert max(sizes) < 1000 + 302
    assert_counts_are_right(batches, documents)


def test_blocks_and_counts_are_let_go_at_so_many_bytes(limits):
    documents = [(n, "x" * 300 + str(n)) for n in range(10)]
    limits(BLOCK_BYTES=700, COUNTED_BYTES=700)
    batches = read(documents, batch=1)
    assert len(blocks_in(batches)) > 3
    assert len(packets_in(batches)) > 3
    assert_counts_are_right(batches, documents)


# --- What cannot be used ---


def faulty_batch(rows: list[tuple], id_type=None) -> pa.RecordBatch:
    """Rows of (id, domain, text, fault)."""
    ids, domains, texts, faults = zip(*rows, strict=True)
    string = pa.string()
    columns = [pa.array(ids, id_type or string), *(pa.array(each, string) for each in (domains, texts, faults))]
    return pa.record_batch(columns, ["id", "domain", "text", "fault"])


def pass_over(rows: list[tuple], batch=3, id_type=None, **parameters) -> list[pa.RecordBatch]:
    whole = faulty_batch(rows, id_type)
    batches = [whole.slice(start, batch) for start in range(0, len(whole), batch)]
    return list(
        read_partition(
            batches, **({"partition": 0, "unit": "word", "max_length": 128, "salt": 0, "slices": 3} | parameters)
        )
    )


REASONS = [
    (("n", "web", None, None), "null text"),
    (("e", "web", "", None), "blank text"),
    (("b", None, " \t\n\xa0\u3000", None), "blank text"),
    (("p", "web", "?!", None), "no units"),
    (("q", "web", "«…»", None), "no units"),
    (("s", "web", "👍", None), "no units"),
    (("l", "web", "?" * 9000, None), "no units"),
    ((None, "web", "some text", None), "null id"),
    ((None, None, None, None), "null id"),
    (("f", "web", "some text", "malformed row"), "malformed row"),
    (("g", None, None, "malformed row"), "malformed row"),
    ((None, "web", "", "another fault"), "another fault"),
]
USABLE = [("u1", "web", "usable text", None), ("u2", None, "d'accord, élan", None), ("u3", "web", "漢" * 9000, None)]


@pytest.mark.parametrize(("row", "reason"), REASONS)
def test_unusable_row_is_rejected_for_its_reason_with_all_that_it_had(row, reason):
    id_, domain, text, _ = row
    assert rejected_in(pass_over([row])) == [(id_, domain, text, reason)]
    among = pass_over([USABLE[0], row, *USABLE[1:]])
    assert rejected_in(among) == [(id_, domain, text, reason)]
    assert sorted(id_ for block in blocks_in(among) for id_ in block.ids.to_pylist()) == ["u1", "u2", "u3"]


@pytest.mark.parametrize("batch", [1, 2, 7, 100])
def test_nothing_is_lost(batch):
    rows = [row for row, _ in REASONS] + USABLE
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(rows))
        batches = pass_over([rows[place] for place in order], batch)
        wanted = [(id_, domain, text, reason) for (id_, domain, text, _), reason in REASONS]
        assert sorted(rejected_in(batches), key=repr) == sorted(wanted, key=repr)
        documents = [id_ for block in blocks_in(batches) for id_ in block.ids.to_pylist()]
        assert sorted(documents) == ["u1", "u2", "u3"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(0, 9).map(str)),
            st.sampled_from([None, "web"]),
            _texts,
            st.sampled_from([None, None, None, "malformed row"]),
        ),
        min_size=1,
        max_size=20,
    ),
    st.integers(1, 8),
)
def test_every_row_is_a_document_or_rejected(rows, batch):
    def fate(id_, text, fault):
        if fault is not None:
            return fault
        if id_ is None:
            return "null id"
        if text is None:
            return "null text"
        if not text.strip():
            return "blank text"
        return None if oracle.units(text) else "no units"

    batches = pass_over(rows, batch)
    fates = [(id_, domain, text, fate(id_, text, fault)) for id_, domain, text, fault in rows]
    wanted = Counter(each for each in fates if each[3] is not None)
    assert Counter(rejected_in(batches)) == wanted
    documents = Counter(id_ for block in blocks_in(batches) for id_ in block.ids.to_pylist())
    assert documents == Counter(id_ for id_, _, _, reason in fates if reason is None)


def test_integer_ids_stay_integers():
    rows = [(2**62, "web", "usable", None), (-5, None, "!", None), (None, None, "text", None)]
    batches = pass_over(rows, id_type=pa.int64())
    (block,) = blocks_in(batches)
    assert block.ids.type == pa.int64()
    assert block.ids.to_pylist() == [2**62]
    assert sorted(rejected_in(batches), key=repr) == [(-5, None, "!", "no units"), (None, None, "text", "null id")]


def test_string_ids_that_look_like_numbers_stay_strings():
    batches = pass_over([("007", None, "usable", None), ("08", None, "!", None)])
    (block,) = blocks_in(batches)
    assert block.ids.to_pylist() == ["007"]
    assert rejected_in(batches) == [("08", None, "!", "no units")]


# --- Names of terms ---


def spans(terms: list[str]) -> Spans:
    return Spans.from_arrow(pa.array(["behind a slice", *terms], pa.large_string()).slice(1))


def plain_name(term: str, salt: int) -> int:
    """The name of a term by its definition, in whole numbers."""

    def mix(state: int) -> int:
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            state = (state ^ (state >> shift)) * factor % 2**64
        return state ^ (state >> 31)

    data = term.encode()
    if len(data) <= 7:
        state = int.from_bytes(data, "little") | len(data) << 56
    else:
        state = mix(len(data) ^ mix(salt))
        for start in range(0, len(data), 8):
            state = mix(state ^ int.from_bytes(data[start : start + 8], "little"))
        if state >> 56 <= 7:
            state |= 1 << 63
    name = mix(state ^ (mix(salt) % 2**56))
    return name - 2**64 if name >= 2**63 else name


@settings(deadline=None)  # the first example compiles
@given(st.lists(st.text(max_size=12), min_size=1, max_size=20, unique=True), st.integers(0, 2**63 - 1))
def test_names_of_terms_depend_on_the_term_and_the_salt_alone(terms, salt):
    names = hash_terms(spans(terms), salt)
    assert names.dtype == np.int64
    assert names.tolist() == [plain_name(term, salt) for term in terms]
    assert hash_terms(spans(terms[::-1]), salt).tolist() == names.tolist()[::-1]
    assert [hash_terms(spans([term]), salt)[0] for term in terms] == names.tolist()
    assert len(set(names.tolist())) == len(terms)


def test_names_of_a_hundred_thousand_terms_differ_with_every_salt():
    terms = spans([f"{prefix}{number}" for number in range(50_000) for prefix in ("w", "a long beginning ")])
    names = [hash_terms(terms, salt) for salt in (0, 1, 2**62)]
    assert len(np.unique(np.concatenate(names))) == 300_000


def mix_all(states: np.ndarray) -> np.ndarray:
    return np.array([_mix(state) for state in states], np.uint64)


def two_terms_of_one_name() -> tuple[str, str]:
    """Two terms of sixteen letters whose names are the same with salt 0: the second half makes up for the first."""
    letters = np.random.default_rng(5).integers(ord("a"), ord("z") + 1, (1_000_000, 8)).astype(np.uint8)
    halves = letters.view("<u8").ravel()
    state = mix_all(mix_all(np.array([16], np.uint64)) ^ halves)
    # What the states differ by must be a difference of letters, which differ in the lower five bits only.
    upper = state & np.uint64(0xE0E0E0E0E0E0E0E0)
    order = np.argsort(upper)
    for n in np.flatnonzero(upper[order][1:] == upper[order][:-1]):
        one, other = order[n], order[n + 1]
        ends = halves[:1000] ^ state[one] ^ state[other]
        is_text = ((ends.view(np.uint8).reshape(-1, 8) - ord("a")) < 26).all(axis=1)
        if is_text.any():
            end = np.argmax(is_text)
            pairs = np.array([halves[one], halves[end]]), np.array([halves[other], ends[end]])
            first, second = (pair.astype("<u8").tobytes().decode() for pair in pairs)
            return first, second
    raise AssertionError("no pair among these")


def test_terms_that_share_a_name_are_found_in_a_block_and_between_blocks(limits):
    one, other = two_terms_of_one_name()
    assert hash_terms(spans([one]))[0] == hash_terms(spans([other]))[0]
    assert hash_terms(spans([one]), 1)[0] != hash_terms(spans([other]), 1)[0]
    for documents_a_block in (1, 2):
        limits(BLOCK_DOCUMENTS=documents_a_block)
        counted = terms_in(read([("a", f"{one} x"), ("b", f"x {other}")], batch=1))
        assert [row["term"] for row in counted if row["tf"] == 0] == [""]
        same = terms_in(read([("a", f"{one} x"), ("b", f"x {one}")], batch=1))
        assert {row["term"]: row["tf"] for row in same} == {one: 2, "x": 2}


@pytest.mark.parametrize("lengths", [(8, 8), (8, 9), (12, 12), (15, 15), (16, 16), (16, 17), (24, 24), (40, 33)])
def test_terms_of_one_name_are_told_apart_whatever_their_length(lengths):
    """Every look-up finds the row of the first term: only the proof, or the letters, tell the others from it."""
    one, other = (letter * length for letter, length in zip("ab", lengths, strict=True))
    name_of, names = hash_terms(spans([one, other])), pa.array([7, 7])
    assert name_of[0] != name_of[1]
    table = SummedCounts()
    for term, clash in ((one, False), (one, False), (other, True)):
        terms = pa.array([term], pa.large_string())
        table.add(pa.record_batch({"hash": names[:1], "term": terms, "tf": pa.array([1]), "df": pa.array([1])}))
        assert (0 in table.counts()["tf"].to_pylist()) == clash


def proof_of(term: str) -> tuple[int, int]:
    data = spans([term])
    name, proof = _name(words_of(data.data), data.edges[0], len(term.encode()), np.uint64(_mix(np.uint64(0))))
    return int(name), int(proof)


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_proof_tells_terms_apart_that_share_their_first_eight_bytes(one, other):
    length = len(one.encode())
    name, proof = proof_of(one)
    assert proof == (0 if length <= 7 else 2**64 - 1 if length >= 16 else proof)
    if 8 <= length <= 15:
        assert proof >> 56 & 15 == length
        assert proof % 2**56 == int.from_bytes(one.encode()[8:], "little")
    if one != other:
        assert (name, proof) != proof_of(other)


def test_table_grows_and_keeps_what_it_has():
    words = [f"{'long' * (n % 6)}w{n}" for n in range(20_000)]
    table = UnitCounts()
    found = []
    for start in range(0, 40_000, 1_000):
        some = (words + words)[start : start + 1_000]
        terms, _ = table.count(spans(some), np.array([0, 0, 1, 500, 1_000]))
        found.append(terms)
    counts = table.counts(np.concatenate(found))
    assert counts["term"].to_pylist() == words
    assert set(counts["tf"].to_pylist()) == set(counts["df"].to_pylist()) == {2}
    assert np.concatenate(found).tolist() == [*range(20_000)] * 2
    assert counts["hash"].to_numpy().tolist() == hash_terms(spans(words)).tolist()
    table.clear()
    terms, _ = table.count(spans(["w3", "w2", "w3"]), np.array([0, 3]))
    assert table.counts(terms).to_pydict() == {
        "hash": hash_terms(spans(["w3", "w2"])).tolist(), "term": ["w3", "w2"], "tf": [2, 1], "df": [1, 1]
    }  # fmt: skip


# --- Weights ---


def plain_weight(name: str, tf: int, df: int, documents: int) -> int:
    weight = {"uniform": 1.0, "rarity": 1 / tf, "idf": math.log(documents / df)}[name]
    return round(weight * 2**30)


@settings(max_examples=300, deadline=None)
@given(st.data())
@pytest.mark.parametrize("name", ["uniform", "rarity", "idf"])
def test_weights_are_pythons_rounded_to_integers(name, data):
    documents = data.draw(st.one_of(st.integers(1, 50), st.integers(1, 10**12)))
    df = np.array(data.draw(st.lists(st.integers(1, documents), max_size=20)), np.int64)
    more = data.draw(st.lists(st.one_of(st.integers(0, 9), st.integers(0, 10**13)), min_size=len(df), max_size=len(df)))
    tf = df + np.array(more, np.int64)
    min_doc_freq = data.draw(st.sampled_from([1, 1, 2, 5, documents]))
    weights = term_weights(name, tf, df, documents, min_doc_freq)
    assert weights.dtype == np.int64
    assert weights.tolist() == [
        plain_weight(name, t, d, documents) if d >= min_doc_freq else 0
        for t, d in zip(tf.tolist(), df.tolist(), strict=True)
    ]


def test_every_weight_is_tested():
    assert set(WEIGHTS) == {"uniform", "rarity", "idf"}
    assert SCALE == 2**30


def test_weights_by_hand():
    tf, df = np.array([1, 3, 2**31, 2**31 - 1]), np.array([1, 2, 8, 4])
    assert term_weights("uniform", tf, df, 8, 1).tolist() == [2**30] * 4
    # 2**30 / 2**31 is a half, which goes to the even 0.
    assert term_weights("rarity", tf, df, 8, 1).tolist() == [2**30, 357913941, 0, 1]
    # log 8, log 4, log 1, log 2, times 2**30
    assert term_weights("idf", tf, df, 8, 1).tolist() == [2232783354, 1488522236, 0, 744261118]


@pytest.mark.parametrize("name", ["uniform", "rarity", "idf"])
def test_terms_below_the_least_document_frequency_weigh_nothing(name):
    tf, df = np.array([9, 9, 9, 9]), np.array([1, 2, 3, 4])
    plain = term_weights(name, tf, df, 10, 1)
    assert (plain > 0).all()
    assert term_weights(name, tf, df, 10, 3).tolist() == [0, 0, *plain[2:].tolist()]
    assert term_weights(name, tf, df, 10, 5).tolist() == [0, 0, 0, 0]


def test_unknown_weight_is_an_error():
    with pytest.raises(KeyError):
        term_weights("bm25", np.array([1]), np.array([1]), 1, 1)
