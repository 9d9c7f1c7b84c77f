"""The parameters: declared, documented and validated here; command line, YAML, jobs and Python API derive from them."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from inspect import getdoc
from typing import Any, Literal, get_args, get_origin, get_type_hints

from zipcal_spark.errors import InputError

Unit = Literal["word", "whitespace"]
Weights = Literal["uniform", "rarity", "idf"]
Strategy = Literal["exact", "lp", "one-round", "top-score", "random", "longest"]
InputFormat = Literal["auto", "parquet", "json", "csv", "text"]
OutputFormat = Literal["parquet", "json"]


@dataclass(frozen=True, kw_only=True)
class CorpusParameters:
    """What a document, a window and a term are: all that the statistics depend on.

    Parameters
    ----------
    max_length : int
        Window length: the first so many units of a document count, as in the paper.
    unit : {'word', 'whitespace'}
        `word`: a run of letters, marks and digits of any script, one letter in scripts without blanks.
        `whitespace`: the paper's rule: '.' and ',' become blanks, split on white space.
    text_column : str
        The column that holds the text.
    id_column : str, optional
        The column of unique ids, strings or integers. Without it: `id` if there is such a column; else file and
        row number for files, and a hash of the text for a DataFrame.
    domain_column : str, optional
        The column that names a document's domain. An input given as NAME=PATH has the domain NAME.
    """

    max_length: int = 128
    unit: Unit = "word"
    text_column: str = "text"
    id_column: str | None = None
    domain_column: str | None = None

    def __post_init__(self) -> None:
        _check_choices(self)
        _at_least(self, "max_length", 1)


@dataclass(frozen=True, kw_only=True)
class SelectionParameters(CorpusParameters):
    """How documents are selected.

    Parameters
    ----------
    k : int
        How many documents to select; all of them where there are fewer.
    weights : {'uniform', 'rarity', 'idf'}
        What covering a term is worth: 1, 1/tf or log(N/df).
    strategy : {'exact', 'lp', 'one-round', 'top-score', 'random', 'longest'}
        `exact` is the sequential greedy, pick by pick. `lp` covers as much or more, by the linear programme and by
        swaps, and takes longer. The others exist to be compared with.
    min_doc_freq : int
        A term counts only if at least so many documents have it; above 1 it keeps junk from winning on raw web text.
    seed : int
        Seed of the strategy `random`.
    certify : str
        How to prove how close the selection is to the best there is. `off`: by the bound that comes with the rounds. A
        number: by the linear programme's prices, solved at most so often. `auto`: so, where that is a small part of
        the run.
    candidates : int
        How many documents a round may send to the driver: fewer make more rounds, never another result.
    broadcast_limit : int
        How many terms' weights are broadcast at most; past it they are joined, with the same result.
    """

    k: int = 128
    weights: Weights = "uniform"
    strategy: Strategy = "exact"
    min_doc_freq: int = 1
    seed: int = 0
    certify: str = "auto"
    candidates: int = 25_000
    broadcast_limit: int = 2_000_000

    def __post_init__(self) -> None:
        CorpusParameters.__post_init__(self)
        _at_least(self, "k", 1)
        _at_least(self, "min_doc_freq", 1)
        _at_least(self, "candidates", 1)
        if self.certify not in ("auto", "off") and not re.fullmatch("[1-9][0-9]*", str(self.certify)):
            raise InputError(
                f"certify is {self.certify!r}: choose auto, off (in YAML 'off', quoted), or a whole number."
            )
        _at_least(self, "broadcast_limit", 0)


@dataclass(frozen=True, kw_only=True)
class JobParameters:
    """What is read and written, and by which Spark.

    Parameters
    ----------
    input : tuple of str
        Where to read, as [NAME=]PATH, once for each input: a file, a folder or a glob, of any scheme that Spark knows.
        NAME becomes the domain of its documents; write ./a=b for a path with '='.
    output : str
        The folder to write; it must not exist, or see --overwrite.
    input_format : {'auto', 'parquet', 'json', 'csv', 'text'}
        `auto` goes by the files' suffixes; all may be compressed (.gz, .bz2, .zst). `json` is one object a line; `csv`
        has a header and may have quoted line breaks.
    text_document : {'line', 'file'}
        For plain text: a document is a line, or a whole file.
    output_format : {'parquet', 'json'}
        The format of the tables in the output folder.
    overwrite : bool
        Replace an existing output of an earlier run, once the new one is complete.
    master : str, optional
        The Spark master; local[*] where neither this nor spark-submit says otherwise.
    conf : tuple of str
        Spark settings, as KEY=VALUE, once for each.
    """

    input: tuple[str, ...]
    output: str
    input_format: InputFormat = "auto"
    text_document: Literal["line", "file"] = "line"
    output_format: OutputFormat = "parquet"
    overwrite: bool = False
    master: str | None = None
    conf: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_choices(self)
        if not self.input or not all(self.input):
            raise InputError("No input is given: name at least one with --input [NAME=]PATH.")
        if not self.output:
            raise InputError("No output is given: name a folder to write with --output OUT.")
        for setting in self.conf:
            if "=" not in setting:
                raise InputError(f"--conf {setting!r} is not KEY=VALUE: write it as --conf spark.some.key=value.")


@dataclass(frozen=True, kw_only=True)
class SelectJob(SelectionParameters, JobParameters):
    """All of `zipcal select`."""

    def __post_init__(self) -> None:
        SelectionParameters.__post_init__(self)
        JobParameters.__post_init__(self)


@dataclass(frozen=True, kw_only=True)
class StatsJob(CorpusParameters, JobParameters):
    """All of `zipcal stats`."""

    def __post_init__(self) -> None:
        CorpusParameters.__post_init__(self)
        JobParameters.__post_init__(self)


@dataclass(frozen=True, kw_only=True)
class DemoParameters:
    """All of `zipcal demo`.

    Parameters
    ----------
    folder : str
        Where the corpus and the output go.
    k : int
        How many documents to select.
    """

    folder: str = "zipcal-demo"
    k: int = 128

    def __post_init__(self) -> None:
        _at_least(self, "k", 1)


def parameters_doc(summary: str, parameters: type) -> str:
    """A docstring of all parameters that a dataclass declares or inherits, from where they are documented."""
    documented = [getdoc(cls) or "" for cls in parameters.__mro__ if "__annotations__" in vars(cls)]
    sections = [text.partition("----------\n")[2] for text in documented]
    return f"{summary}\n\nParameters\n----------\n" + "\n".join(sections)


def _check_choices(parameters: Any) -> None:
    types = get_type_hints(type(parameters))
    for field in fields(parameters):
        value, choices = getattr(parameters, field.name), get_args(types[field.name])
        if get_origin(types[field.name]) is Literal and value not in choices:
            raise InputError(f"{field.name} is {value!r}: choose one of {', '.join(choices)}.")


def _at_least(parameters: Any, name: str, least: int) -> None:
    value = getattr(parameters, name)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} is {value!r}: it must be a whole number of at least {least}.")
