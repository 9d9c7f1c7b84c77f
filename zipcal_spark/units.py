"""Text -> the units of its window: the one definition of a term. Arrow, NumPy and Polars only, no Spark.

Two rules (design, "Units"): `word` and `whitespace`. Each has a fast path for ASCII text, one byte table and one
compiled pass over the Arrow buffer, and a general path by a Unicode regular expression; both give the same units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.compiled import compiled

if TYPE_CHECKING:
    import polars as pl

# Letters of scripts written without blanks are units of their own, each with the marks that follow it.
_SCRIPTS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_UNSPACED = rf"\p{{L}}&&{_SCRIPTS}"
# What Python's str.split() takes for white space: Unicode White_Space and the four ASCII separators.
_BLANK = r"\s\x1c-\x1f"


@dataclass(frozen=True)
class UnitRule:
    """A rule that splits text into units.

    Attributes
    ----------
    pattern : str
        A unit in normalised text, as a Rust regular expression.
    boundary : str
        Characters (the inside of a class) before which text may be cut and the units before the cut stay as they are:
        they end a unit, compose with nothing before them, and are neither cased nor passed over where it is decided
        whether a sigma is final.
    table : bytes
        For ASCII text: 256 bytes, what each byte becomes; a blank separates units.
    nfc : bool
        Whether text is brought into NFC first.
    """

    pattern: str
    boundary: str
    table: bytes
    nfc: bool


def _ascii_table(is_unit: str) -> bytes:
    """256 bytes: lower case of the characters in `is_unit`, blanks for all others."""
    return bytes(ord(chr(byte).lower()) if chr(byte) in is_unit else ord(" ") for byte in range(256))


_ALNUM = "".join(chr(byte) for byte in range(128) if chr(byte).isalnum())
# Arrays of so many bytes of text are split at their best: ten times as much, and memory is the brake.
_CHUNK_BYTES = 1 << 20
# A text is looked at in steps of so many bytes.
_STEP = 256
_NO_BLANK = "".join(chr(byte) for byte in range(128) if not chr(byte).isspace() and chr(byte) not in ".,")

RULES = {
    "word": UnitRule(
        pattern=rf"[{_UNSPACED}]\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+",
        boundary=rf"{_BLANK}[\p{{Lo}}&&{_SCRIPTS}]",
        table=_ascii_table(_ALNUM),
        nfc=True,
    ),
    "whitespace": UnitRule(pattern=rf"[^{_BLANK}.,]+", boundary=_BLANK, table=_ascii_table(_NO_BLANK), nfc=False),
}


PADDING = 16


@dataclass(frozen=True)
class Spans:
    """Strings as stretches of bytes, uncopied: what a unit is until somebody asks for its letters.

    Attributes
    ----------
    data : ndarray of uint8
        UTF-8; with `PADDING` bytes behind the last string, so that whole words of memory can be read.
    edges : ndarray of int64, shape (2 n,)
        String i is `data[edges[2 * i] : edges[2 * i + 1]]`.
    """

    data: np.ndarray
    edges: np.ndarray

    @staticmethod
    def from_arrow(strings: pa.LargeStringArray) -> Spans:
        """Strings of an Arrow array."""
        bounds, data = _bytes_of(strings)
        padded = np.frombuffer(b"".join((data, b" " * PADDING)), np.uint8)
        return Spans(padded, np.column_stack([bounds[:-1], bounds[1:]]).ravel())

    def __len__(self) -> int:
        return len(self.edges) // 2

    def take(self, mask: np.ndarray) -> Spans:
        """Some of the strings, by a mask."""
        return Spans(self.data, self.edges.reshape(-1, 2)[mask].ravel())

    def to_arrow(self) -> pa.LargeStringArray:
        """The strings, copied out."""
        starts, lengths = self.edges[::2], np.diff(self.edges)[::2]
        bounds = np.zeros(len(self) + 1, np.int64)
        np.cumsum(lengths, out=bounds[1:])
        places = np.repeat(starts - bounds[:-1], lengths) + np.arange(bounds[-1])
        return pa.LargeStringArray.from_buffers(len(self), pa.py_buffer(bounds), pa.py_buffer(self.data[places]))


@dataclass(frozen=True)
class Windows:
    """The windows of some rows of a batch.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Which rows of the batch these are.
    offsets : ndarray of int64, shape (n + 1,)
        Row i has the units offsets[i] .. offsets[i + 1].
    units : Spans
        The units of all windows, one after the other.
    """

    rows: np.ndarray
    offsets: np.ndarray
    units: Spans


def split_windows(texts: pa.Array, unit: str, max_length: int) -> Iterator[Windows]:
    """Split each text into the units of its window: the first `max_length` units under the rule `unit`.

    Each row occurs once, but the rows come regrouped: ASCII text and other text go separate ways, and a long text is
    first cut, and split whole only where the cut held too few units.

    Parameters
    ----------
    texts : pyarrow array of string, shape (n,)
        Without nulls.
    unit : str
        A name in `RULES`.
    max_length : int
        Window length, in units.

    Yields
    ------
    Windows
    """
    rule = RULES[unit]
    texts = texts.cast(pa.large_string())
    for start, end in _chunks(texts):
        for windows in _split_chunk(texts.slice(start, end - start), rule, max_length):
            yield Windows(windows.rows + start, windows.offsets, windows.units)


def _chunks(texts: pa.LargeStringArray) -> Iterator[tuple[int, int]]:
    """Stretches of texts that stay in a processor's cache; a single text may be larger."""
    size = np.cumsum(pc.binary_length(texts).to_numpy())
    starts = np.flatnonzero(np.diff(size // _CHUNK_BYTES, prepend=-1))
    yield from zip(starts.tolist(), [*starts[1:].tolist(), len(texts)], strict=True) if len(texts) else ()


def _split_chunk(texts: pa.LargeStringArray, rule: UnitRule, max_length: int) -> Iterator[Windows]:
    """See `split_windows`."""
    offsets, units, is_ascii = _split_ascii(texts, rule, max_length)
    if is_ascii.any():
        yield Windows(np.flatnonzero(is_ascii), offsets[np.append(is_ascii, True)], units)
    if is_ascii.all():
        return
    rows = np.flatnonzero(~is_ascii)
    texts = _take_texts(texts, rows)
    cut = 16 * max_length  # characters; an English word and its blank have six
    long = pc.utf8_length(texts).to_numpy() > cut
    if not long.all():
        yield Windows(rows[~long], *_limit(*_split_unicode(_take_texts(texts, ~long), rule), max_length))
    if long.any():
        rows, texts = rows[long], _take_texts(texts, long)
        offsets, units = _limit(*_split_unicode(_cut(texts, cut, rule), rule), max_length)
        short = np.diff(offsets) < max_length
        yield Windows(rows[~short], *_take_windows(offsets, units, ~short))
        if short.any():
            yield Windows(rows[short], *_limit(*_split_unicode(_take_texts(texts, short), rule), max_length))


def _bytes_of(texts: pa.LargeStringArray) -> tuple[np.ndarray, memoryview]:
    """Offsets, int64, shape (n + 1,), and the bytes between the first and the last of them."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = texts.buffers()[2]
    view = memoryview(data)[offsets[0] : offsets[-1]] if data is not None else memoryview(b"")
    return offsets - offsets[0], view


def _cut(texts: pa.LargeStringArray, length: int, rule: UnitRule) -> pa.LargeStringArray:
    """Texts of more than `length` characters, cut before their last boundary within this length."""
    head = _series(texts).str.head(length)
    return _arrow(head.str.extract(rf"(?s)^(.*)[{rule.boundary}]").fill_null(""))


def _split_ascii(texts: pa.LargeStringArray, rule: UnitRule, max_length: int) -> tuple[np.ndarray, Spans, np.ndarray]:
    """The windows of texts that are ASCII as far as they must be looked at.

    What follows a window cannot change it: its last unit ends at a byte that is in no unit.

    Returns
    -------
    ndarray of int64, shape (n + 1,)
        Text i has the units offsets[i] .. offsets[i + 1].
    Spans
        The units.
    ndarray of bool, shape (n,)
        Which texts are ASCII; the others have no units here.
    """
    bounds, view = _bytes_of(texts)
    data = np.frombuffer(view, np.uint8)
    lengths = np.diff(bounds)
    # Room for every second byte to be a unit; a step of the loop writes a little further.
    edges = np.empty(int(np.minimum(lengths + 1, 2 * max_length + _STEP).sum()) + 2, np.int64)
    folded = np.empty(len(data) + PADDING, np.uint8)
    offsets, is_ascii = np.zeros(len(texts) + 1, np.int64), np.ones(len(texts), bool)
    table = np.frombuffer(rule.table, np.uint8)
    count = _find_units(data, bounds, table, max_length, folded, edges, offsets, is_ascii)
    folded.flags.writeable = False
    return offsets, Spans(folded, edges[: 2 * count]), is_ascii


@compiled
def _find_units(
    data: np.ndarray, bounds: np.ndarray, table: np.ndarray, max_length: int,
    folded: np.ndarray, edges: np.ndarray, offsets: np.ndarray, is_ascii: np.ndarray,
) -> int:  # fmt: skip
    """See `_split_ascii`; how many units there are."""
    count = 0
    for text in range(len(bounds) - 1):
        first, last = count, count + 2 * max_length
        at, end = bounds[text], bounds[text + 1]
        inside, seen = False, np.uint8(0)
        while at < end and count < last and seen < 128:
            for place in range(at, min(at + _STEP, end)):
                byte = data[place]
                seen |= byte
                byte = table[byte]
                folded[place] = byte
                # Without a branch: where a unit ends is anybody's guess.
                edges[count] = place
                count += (byte != 32) != inside
                inside = byte != 32
            at += _STEP
        edges[count] = end
        count = min(count + inside, last)
        if seen >= 128:
            is_ascii[text], count = False, first
        offsets[text + 1] = count // 2
    return count // 2


def _split_unicode(texts: pa.LargeStringArray, rule: UnitRule) -> tuple[np.ndarray, Spans]:
    """All units of any texts, by the rule's pattern; offsets, int64, shape (n + 1,), and the units."""
    series = _series(texts)
    if rule.nfc:
        series = series.str.normalize("NFC")
    lists = series.str.to_lowercase().str.extract_all(rule.pattern)
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(lists.list.len().to_numpy(), out=offsets[1:])
    return offsets, Spans.from_arrow(_arrow(lists.explode(empty_as_null=False)))


def _limit(offsets: np.ndarray, units: Spans, max_length: int) -> tuple[np.ndarray, Spans]:
    """The first `max_length` units of each row."""
    counts = np.diff(offsets)
    if len(counts) == 0 or counts.max() <= max_length:
        return offsets, units
    position = np.arange(len(units)) - np.repeat(offsets[:-1], counts)
    limited = np.zeros_like(offsets)
    np.cumsum(np.minimum(counts, max_length), out=limited[1:])
    return limited, units.take(position < max_length)


def _take_texts(texts: pa.LargeStringArray, rows: np.ndarray) -> pa.LargeStringArray:
    """Some of the texts, by their positions or by a mask."""
    rows = np.flatnonzero(rows) if rows.dtype == bool else rows
    return texts if len(rows) == len(texts) else texts.take(pa.array(rows))


def _take_windows(offsets: np.ndarray, units: Spans, keep: np.ndarray) -> tuple[np.ndarray, Spans]:
    """The units of some rows, by a mask."""
    if keep.all():
        return offsets, units
    counts = np.diff(offsets)
    taken = np.zeros(keep.sum() + 1, np.int64)
    np.cumsum(counts[keep], out=taken[1:])
    return taken, units.take(np.repeat(keep, counts))


def _series(texts: pa.LargeStringArray) -> pl.Series:
    import polars as pl  # in the function: Spark's workers are forked, Polars' threads do not survive a fork

    series = pl.from_arrow(texts)
    assert isinstance(series, pl.Series)
    return series


def _arrow(series: pl.Series) -> pa.LargeStringArray:
    return series.to_arrow().cast(pa.large_string())
