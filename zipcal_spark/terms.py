"""Terms: their 64-bit names, and the table that counts them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from zipcal_spark.compiled import compiled, words_of
from zipcal_spark.units import PADDING, Spans

# Terms of up to so many bytes have names of their own, see `hash_terms`.
_SHORT = 7
# Masks that leave the first 0 .. 8 bytes of a little-endian number.
_FIRST_BYTES = np.array([(1 << (8 * length)) - 1 for length in range(9)], np.uint64)
_LOW_BYTES, _TOP_BIT, _LOW_HALF = np.uint64((1 << 56) - 1), np.uint64(1 << 63), np.uint64((1 << 32) - 1)
# A table's columns: the term's name; its position plus 1 (0: a free row) and, in the lower half, the number plus 1 of
# the document that had it last; its term frequency; and the proof of the term (`_name`) or, in a table that adds up
# counts, its document frequency. A row is half a line of the processor's cache.
_NAME, _PLACE, _TF, _PROOF = range(4)
_DF = _PROOF
_NO_PROOF = np.uint64(2**64 - 1)
# So many rows are looked up together: the first look brings them into the cache, all at once.
_TOGETHER = 128
_ROWS, _LETTERS = 1 << 12, 1 << 15


@compiled
def _mix(state: np.uint64) -> np.uint64:
    """SplitMix64's finaliser."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@compiled
def _name(words: np.ndarray, start: int, length: int, salted: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The name of a term, see `hash_terms`, and what proves together with the name that two terms are the same.

    A short term has a name of its own. For a term of up to 15 bytes the proof is its length, its bytes from the ninth
    on, and the bit that its state may lose: what else the name is made of can then be undone, step by step, to the
    first eight bytes. For longer terms it is `_NO_PROOF`: look at the letters.
    """
    proof = np.uint64(0)
    if length <= _SHORT:
        state = (words[start] & _FIRST_BYTES[length]) | (np.uint64(length) << np.uint64(56))
    else:
        state = _mix(np.uint64(length) ^ salted)
        for at in range(0, length, 8):
            state = _mix(state ^ (words[start + at] & _FIRST_BYTES[min(length - at, 8)]))
        proof = _NO_PROOF
        if length < 16:
            kept = np.uint64(length) << np.uint64(56) | (state & _TOP_BIT)
            proof = (words[start + 8] & _FIRST_BYTES[length - 8]) | kept
        if state >> np.uint64(56) <= np.uint64(_SHORT):
            state |= _TOP_BIT  # never the top byte of a short term
    return _mix(state ^ (salted & _LOW_BYTES)), proof


@compiled
def _names(words: np.ndarray, edges: np.ndarray, salted: np.uint64) -> np.ndarray:
    names = np.empty(len(edges) // 2, np.uint64)
    for unit in range(len(names)):
        start = edges[2 * unit]
        names[unit], _ = _name(words, start, edges[2 * unit + 1] - start, salted)
    return names


def hash_terms(terms: Spans, salt: int = 0) -> np.ndarray:
    """64-bit names of terms; the same on every machine and in every run.

    Eight bytes at a time, mixed as SplitMix64 does (Steele, Lea, Flood 2014), a bijection of 64 bits. A term of up to
    seven bytes is its bytes and its length, mixed: no two of these share a name, nor does one with a longer term. Two
    longer terms may (for 10**9 terms, one run in forty): `UnitCounts` and `SummedCounts` find that, and the pass is
    done again with another salt.

    Parameters
    ----------
    terms : Spans, of n terms
    salt : int

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    return _names(words_of(terms.data), terms.edges, _salted(salt)).view(np.int64)


def _salted(salt: int) -> np.uint64:
    return np.uint64(_mix(np.uint64(salt)))


@compiled
def _row_of(table: np.ndarray, name: np.uint64) -> np.uint64:
    """The row of a name, or the free row where it belongs."""
    last = np.uint64(len(table) - 1)
    row = name & last
    while table[row, _PLACE] != np.uint64(0) and table[row, _NAME] != name:
        row = (row + np.uint64(1)) & last
    return row


@compiled
def _same(words: np.ndarray, start: int, length: int, others: np.ndarray, ends: np.ndarray, place: np.int64) -> bool:
    """Whether a term is the one at a place of the table's own."""
    begin = ends[place]
    if ends[place + 1] - begin != length:
        return False
    for at in range(0, length, 8):
        if (words[start + at] ^ others[begin + at]) & _FIRST_BYTES[min(length - at, 8)]:
            return False
    return True


@compiled
def _insert(
    table: np.ndarray, row: np.uint64, name: np.uint64, count: int, words: np.ndarray, start: int, length: int,
    letters: np.ndarray, ends: np.ndarray,
) -> None:  # fmt: skip
    """Put a term into a free row, as number `count`."""
    table[row, _NAME], table[row, _PLACE] = name, np.uint64(count + 1) << np.uint64(32)
    table[row, _TF] = table[row, _DF] = np.uint64(0)
    end = ends[count]
    for at in range(length):
        letters[end + at] = np.uint8(words[start + at] & np.uint64(255))
    ends[count + 1] = end + length


@compiled
def _count_documents(
    words: np.ndarray, edges: np.ndarray, offsets: np.ndarray, first: int, document: int, salted: np.uint64,
    table: np.ndarray, count: int, letters: np.ndarray, others: np.ndarray, ends: np.ndarray,
    terms: np.ndarray, bounds: np.ndarray,
) -> tuple[int, int, bool]:  # fmt: skip
    """Count the units of documents from `first` on; stop before one for which the table may be too small.

    Returns
    -------
    int, int, bool
        The document where it stopped, how many terms the table has, and whether two of them share a name.
    """
    names, proofs, seen = np.empty(_TOGETHER, np.uint64), np.empty(_TOGETHER, np.uint64), np.zeros(1, np.uint64)
    last = np.uint64(len(table) - 1)
    found = bounds[first]
    clash = False
    for i in range(first, len(offsets) - 1):
        begin, end = offsets[i], offsets[i + 1]
        if count + end - begin > len(ends) - 1:
            return i, count, clash
        if begin < end and ends[count] + edges[2 * end - 1] - edges[2 * begin] + PADDING > len(letters):
            return i, count, clash
        this = np.uint64(document + i + 1)
        for start in range(begin, end, _TOGETHER):
            stop = min(start + _TOGETHER, end)
            for unit in range(start, stop):
                at = edges[2 * unit]
                name, proof = _name(words, at, edges[2 * unit + 1] - at, salted)
                names[unit - start], proofs[unit - start] = name, proof
                seen[0] ^= table[name & last, _NAME]  # only to have it in the cache
            for unit in range(start, stop):
                name, proof = names[unit - start], proofs[unit - start]
                row = _row_of(table, name)
                place = table[row, _PLACE]
                if place == np.uint64(0):
                    at = edges[2 * unit]
                    _insert(table, row, name, count, words, at, edges[2 * unit + 1] - at, letters, ends)
                    place, table[row, _PROOF] = table[row, _PLACE], proof
                    count += 1
                elif proof != table[row, _PROOF]:
                    clash = True
                elif proof == _NO_PROOF:
                    at = edges[2 * unit]
                    length = edges[2 * unit + 1] - at
                    clash |= not _same(
                        words, at, length, others, ends, np.int64((place >> np.uint64(32)) - np.uint64(1))
                    )
                # Without a branch: whether a unit is its document's first of its term is anybody's guess.
                fresh = (place & _LOW_HALF) != this
                table[row, _PLACE] = (place & ~_LOW_HALF) | this
                table[row, _TF] += np.uint64(1)
                terms[found] = np.uint32((place >> np.uint64(32)) - np.uint64(1))
                found += fresh
        bounds[i + 1] = found
    return len(offsets) - 1, count, clash


@compiled
def _add_counts(
    words: np.ndarray, edges: np.ndarray, names: np.ndarray, tf: np.ndarray, df: np.ndarray,
    table: np.ndarray, count: int, letters: np.ndarray, others: np.ndarray, ends: np.ndarray,
) -> tuple[int, bool]:  # fmt: skip
    """Add counts of terms; the table must be large enough."""
    last = np.uint64(len(table) - 1)
    seen = np.zeros(1, np.uint64)
    clash = False
    for start in range(0, len(names), _TOGETHER):
        stop = min(start + _TOGETHER, len(names))
        for i in range(start, stop):
            seen[0] ^= table[names[i] & last, _NAME]  # only to have it in the cache
        for i in range(start, stop):
            at, name = edges[2 * i], names[i]
            length = edges[2 * i + 1] - at
            row = _row_of(table, name)
            place = table[row, _PLACE]
            if place == np.uint64(0):
                _insert(table, row, name, count, words, at, length, letters, ends)
                count += 1
            elif not _same(words, at, length, others, ends, np.int64((place >> np.uint64(32)) - np.uint64(1))):
                clash = True
            table[row, _TF] += np.uint64(tf[i])
            table[row, _DF] += np.uint64(df[i])
    return count, clash


@compiled
def _move(table: np.ndarray, larger: np.ndarray) -> None:
    """Bring all rows to a larger table."""
    for i in range(len(table)):
        if table[i, _PLACE] != np.uint64(0):
            row = _row_of(larger, table[i, _NAME])
            for column in range(4):
                larger[row, column] = table[i, column]


@compiled
def _in_order(table: np.ndarray, rows: np.ndarray) -> None:
    """The table's used rows, in the order in which the terms came."""
    for i in range(len(table)):
        place = table[i, _PLACE] >> np.uint64(32)
        if place != np.uint64(0):
            for column in range(4):
                rows[place - np.uint64(1), column] = table[i, column]


class _TermTable:
    """Distinct terms, in the order of their first appearance: a hash table that grows."""

    def __init__(self) -> None:
        self._table = np.zeros((_ROWS, 4), np.uint64)
        self._ends = np.zeros(_ROWS // 2 + 1, np.int64)
        self._letters = np.empty(_LETTERS, np.uint8)
        self._count = 0
        self._clash = False

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Bytes of all terms' letters."""
        return int(self._ends[self._count])

    def clear(self) -> None:
        """Forget all; the memory is kept."""
        self._table[:] = 0
        self._count = 0
        self._clash = False

    def _in_order(self) -> np.ndarray:
        rows = np.empty((self._count, 4), np.uint64)
        _in_order(self._table, rows)
        return rows.view(np.int64)

    def _batch(self, names: np.ndarray, tf: np.ndarray, df: np.ndarray) -> pa.RecordBatch:
        ends = self._ends[: self._count + 1].copy()
        letters = pa.py_buffer(self._letters[: ends[-1]].copy())
        terms = pa.LargeStringArray.from_buffers(self._count, pa.py_buffer(ends), letters)
        if self._clash:
            names, tf, df = (np.append(column, 0) for column in (names, tf, df))
            terms = pa.concat_arrays([terms, pa.array([""], pa.large_string())])
        return pa.record_batch({"hash": names, "term": terms, "tf": tf, "df": df})

    def _make_room(self, terms: int, letters: int) -> None:
        """For so many more terms, and so many more bytes of letters."""
        capacity = len(self._ends) - 1
        if self._count + terms > capacity:
            while self._count + terms > capacity:
                capacity *= 2
            table = np.zeros((2 * capacity, 4), np.uint64)
            _move(self._table, table)
            self._table = table
            self._ends = np.append(self._ends, np.zeros(capacity + 1 - len(self._ends), np.int64))
        if (needed := self.nbytes + letters + 2 * PADDING) > len(self._letters):
            larger = np.empty(max(needed, 2 * len(self._letters)), np.uint8)
            larger[: self.nbytes] = self._letters[: self.nbytes]
            self._letters = larger


class UnitCounts(_TermTable):
    """The terms of documents, counted unit by unit.

    Parameters
    ----------
    salt : int
        See `hash_terms`.
    """

    def __init__(self, salt: int = 0) -> None:
        super().__init__()
        self._salted = _salted(salt)
        self._documents = 0

    def clear(self) -> None:
        """Forget all; the memory is kept."""
        super().clear()
        self._documents = 0

    def count(self, units: Spans, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count the units of some documents.

        Parameters
        ----------
        units : Spans
        offsets : ndarray of int64, shape (n + 1,)
            Document i has the units offsets[i] .. offsets[i + 1].

        Returns
        -------
        terms : ndarray of uint32
            Distinct terms of each document, in the order of their first appearance there, as positions in `counts`.
        bounds : ndarray of int64, shape (n + 1,)
            Document i has the terms bounds[i] .. bounds[i + 1].
        """
        terms, bounds = np.empty(len(units) + 1, np.uint32), np.zeros(len(offsets), np.int64)
        words, done = words_of(units.data), 0
        while True:
            done, self._count, clash = _count_documents(
                words, units.edges, offsets, done, self._documents, self._salted,
                self._table, self._count, self._letters, words_of(self._letters), self._ends,
                terms, bounds,
            )  # fmt: skip
            self._clash |= clash
            if done == len(offsets) - 1:
                break
            following = units.edges[2 * offsets[done] : 2 * offsets[done + 1]]
            self._make_room(len(following) // 2, int(following[-1] - following[0]))
        self._documents += done
        return terms[: bounds[-1]], bounds

    def counts(self, terms: np.ndarray) -> pa.RecordBatch:
        """`hash`, `term`, `tf` and `df`, numbers of int64, of the distinct terms.

        Where two terms share a name, a last row with tf 0 says so.

        Parameters
        ----------
        terms : ndarray of uint32
            All that `count` has given.
        """
        rows = self._in_order()
        return self._batch(rows[:, _NAME], rows[:, _TF], np.bincount(terms, minlength=self._count))


class SummedCounts(_TermTable):
    """Counts of terms, summed."""

    def add(self, counts: pa.RecordBatch) -> None:
        """Add counts as `UnitCounts.counts` gives them."""
        terms = Spans.from_arrow(counts["term"])
        self._make_room(len(counts), int(terms.edges[-1] - terms.edges[0]) if len(counts) else 0)
        names, tf, df = (_read_only(counts[name].to_numpy()) for name in ("hash", "tf", "df"))
        self._count, clash = _add_counts(
            words_of(terms.data), terms.edges, names.view(np.uint64), tf, df,
            self._table, self._count, self._letters, words_of(self._letters), self._ends,
        )  # fmt: skip
        self._clash |= clash

    def counts(self) -> pa.RecordBatch:
        """See `UnitCounts.counts`."""
        rows = self._in_order()
        return self._batch(rows[:, _NAME], rows[:, _TF], rows[:, _DF])


def _read_only(values: np.ndarray) -> np.ndarray:
    """The same values: one type for the compiler, wherever they come from."""
    values = values.view()
    values.flags.writeable = False
    return values
