"""The sequential greedy that everything is judged by: plain Python, no NumPy, no cleverness."""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import regex

_UNSPACED = r"[\p{L}&&[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]"
_WORD = regex.compile(rf"{_UNSPACED}\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--{_UNSPACED}]+", regex.V1)
SCALE = 2**30


def units(text: str, unit: str = "word") -> list[str]:
    """All units of a text, in five lines."""
    if unit == "whitespace":
        return text.lower().replace(".", " ").replace(",", " ").split()
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


class Corpus(NamedTuple):
    """Windows by id, and what the statistics of their terms are."""

    windows: dict
    tf: Counter
    df: Counter


def corpus(documents: Iterable[tuple], unit: str = "word", max_length: int = 128) -> Corpus:
    windows = {id_: units(text, unit)[:max_length] for id_, text in documents if text is not None}
    windows = {id_: window for id_, window in windows.items() if window}
    tf = Counter(term for window in windows.values() for term in window)
    df = Counter(term for window in windows.values() for term in set(window))
    return Corpus(windows, tf, df)


def weights(c: Corpus, name: str = "uniform", min_doc_freq: int = 1) -> dict[str, int]:
    weight = {
        "uniform": lambda term: 1.0,
        "rarity": lambda term: 1 / c.tf[term],
        "idf": lambda term: math.log(len(c.windows) / c.df[term]),
    }[name]
    return {term: round(weight(term) * SCALE) if c.df[term] >= min_doc_freq else 0 for term in c.df}


class Pick(NamedTuple):
    id: str | int
    gain: float
    coverage: float
    layer: int


def greedy(c: Corpus, k: int, weight: dict[str, int]) -> list[Pick]:
    """Take the document with the largest gain; ties: larger own weight, then smaller id; k times."""
    terms = {id_: set(window) for id_, window in c.windows.items()}
    own = {id_: sum(weight[term] for term in terms[id_]) for id_ in terms}
    left, covered, ever_covered, f, layer, picks = set(terms), set(), set(), 0, 1, []
    gains = dict(own)  # given what is covered, of all that are left
    while left and len(picks) < k:
        if covered and not any(gains[id_] for id_ in left):
            covered, layer, gains = set(), layer + 1, dict(own)
        best = min(left, key=lambda id_: (-gains[id_], -own[id_], id_))
        left.remove(best)
        new = {term for term in terms[best] - covered if weight[term]}
        covered |= new
        f += sum(weight[term] for term in terms[best] - ever_covered)
        ever_covered |= terms[best]
        picks.append(Pick(best, gains[best] / SCALE, f / SCALE, layer))
        for id_ in left:
            if not new.isdisjoint(terms[id_]):
                gains[id_] = sum(weight[term] for term in terms[id_] - covered)
    return picks


def coverage_of(c: Corpus, ids: Sequence, weight: dict[str, int]) -> int:
    """f, in units of 2**-30, by its definition."""
    return sum(weight[term] for term in {term for id_ in ids for term in c.windows[id_]})
