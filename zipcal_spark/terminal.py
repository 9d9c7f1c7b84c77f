"""What people see: progress on stderr while a run goes on, a summary on stdout at its end."""

from __future__ import annotations

import io
import math
import os
import sys
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from zipcal_spark.compare import Output, overlap
from zipcal_spark.report import Report, Selection


class Display:
    """Progress on stderr: a live line with finished stages above it on a terminal, plain lines elsewhere.

    It writes to a copy of stderr, so that stderr itself can be lent to the JVM while Spark starts.
    """

    def __init__(self) -> None:
        try:
            stream: io.TextIOBase = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", errors="replace")
        except (OSError, ValueError):  # stderr is no file: captured in a test or a notebook
            stream = sys.stderr  # type: ignore[assignment]
        self._console = Console(file=stream, highlight=False, soft_wrap=True)  # type: ignore[arg-type]
        self._status: Status | None = None
        self._title = ""
        self._detail = ""
        self._start = time.perf_counter()

    def stage(self, title: str) -> None:
        """A stage begins: the one before it is done."""
        self._finish()
        self._title, self._detail, self._start = title, "", time.perf_counter()
        if self._console.is_terminal:
            self._status = self._console.status(Text(f"{title} ..."))
            self._status.start()
        else:
            self._print(f"{title} ...")

    def detail(self, text: str) -> None:
        """Something to know about the present stage."""
        self._detail = text
        if self._status is not None:
            self._status.update(Text(f"{self._title} ... {text}"))
        else:
            self._print(f"  {text}")

    def say(self, text: str) -> None:
        """A line of its own."""
        self._print(text)

    def _finish(self) -> None:
        if self._status is None:
            return
        self._status.stop()
        self._status = None
        seconds = time.perf_counter() - self._start
        self._print(f"{self._title}{': ' + self._detail if self._detail else ''} ({seconds:.1f} s)")

    def _print(self, text: str) -> None:
        self._console.print(Text(printable(text)))

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        elif self._status is not None:
            self._status.stop()


def printable(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def print_summary(report: Report, output: str) -> None:
    """Print what a run read, found and selected, and where it lies."""
    console = _stdout()
    _print_facts(console, _facts(report))
    if report.selection is not None:
        console.print(_first_picks(report.selection))
        _print_facts(console, _quality(report.selection))
    seconds = ", ".join(f"{name} {value:.1f}" for name, value in report.timings.items())
    time_ = f"{sum(report.timings.values()):.1f} s ({seconds})"
    _print_facts(console, [("Time", time_), ("Output", output)])


def _stdout() -> Console:
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)


def _print_facts(console: Console, facts: list[tuple[str, str]]) -> None:
    for name, value in facts:
        console.print(Text.assemble((f"{name:<12}", "bold"), printable(value)))


def _facts(report: Report) -> list[tuple[str, str]]:
    documents, vocabulary = report.documents, report.vocabulary
    read = f"{documents.read:,} documents, {documents.eligible:,} of them usable"
    if documents.quarantined:
        read += " (" + ", ".join(f"{count:,} {reason}" for reason, count in documents.by_reason.items()) + ")"
    facts = [
        ("Read", read),
        (
            "Vocabulary",
            f"{vocabulary.types:,} terms in {vocabulary.tokens:,} units; {vocabulary.hapaxes:,} terms occur once",
        ),
    ]
    law = []
    if vocabulary.zipf is not None:
        fit = vocabulary.zipf
        law.append(
            f"frequency ~ 1 / (rank + {fit['shift']:.2f})^{fit['exponent']:.3f} "
            f"on ranks {fit['first_rank']:,}-{fit['last_rank']:,} (KS {fit['ks']:.3f})"
        )
    if vocabulary.heaps is not None:
        law.append(f"terms ~ {vocabulary.heaps['k']:.2f} units^{vocabulary.heaps['beta']:.3f}")
    facts.append(("Law", "; ".join(law) or "too small a vocabulary to fit one"))
    return facts


def _first_picks(selection: Selection) -> Table:
    table = Table(title="First picks", title_justify="left", box=None, pad_edge=False, expand=True)
    table.add_column("rank", justify="right", min_width=4)
    table.add_column("document", no_wrap=True, max_width=40)
    table.add_column("new terms", justify="right", min_width=9)
    table.add_column("among them", no_wrap=True, ratio=1)
    for pick in selection.first_picks:
        terms = ", ".join(term if len(term) <= 24 else f"{term[:23]}…" for term in pick.terms)
        table.add_row(str(pick.rank), Text(printable(str(pick.id))), f"{pick.new_terms:,}", Text(printable(terms)))
    return table


def _quality(selection: Selection) -> list[tuple[str, str]]:
    share = f"{_share(selection):.1%} of the vocabulary's weight"
    selected = f"{selection.k:,} documents cover {selection.covered_terms:,} terms, {share}"
    if selection.layers > 1:
        selected += f", in {selection.layers:,} layers"
    against = f"{selection.random_coverage:,.0f} expected of {selection.k:,} random documents"
    if selection.random_coverage:
        against += f": {selection.coverage / selection.random_coverage:.2f} times as much here"
    how = "the sequential greedy's picks, one by one" if selection.exact else "not the greedy's picks"
    return [
        ("Selected", selected),
        ("Random", against),
        (
            "Proven",
            f"at least {_at_least(selection.certified_fraction)} of what any {selection.k:,} documents can cover"
            f" ({_BOUNDS[selection.bound]})",
        ),
        ("Exact", f"{how}; {selection.rounds:,} rounds"),
    ]


def print_comparison(outputs: list[Output]) -> None:
    """Print selections side by side, a column each."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for output in outputs:
        table.add_column(Text(printable(output.path)), justify="right", overflow="fold")
    for name, value in _COMPARED.items():
        table.add_row(name, *(value(output) for output in outputs))
    table.add_row("documents shared with the first", *(f"{overlap(outputs[0], output):.1%}" for output in outputs))
    _stdout().print(table)


_COMPARED: dict[str, Callable[[Output], str]] = {
    "documents read": lambda output: f"{output.report.documents.read:,}",
    "strategy": lambda output: str(output.report.parameters["strategy"]),
    "weights": lambda output: str(output.report.parameters["weights"]),
    "unit": lambda output: str(output.report.parameters["unit"]),
    "documents selected": lambda output: f"{output.selection.k:,}",
    "terms covered": lambda output: f"{output.selection.covered_terms:,}",
    "coverage": lambda output: f"{output.selection.coverage:,.2f}",
    "of the vocabulary's weight": lambda output: f"{_share(output.selection):.1%}",
    "coverage of random documents": lambda output: f"{output.selection.random_coverage:,.2f}",
    "proven share of the optimum": lambda output: _at_least(output.selection.certified_fraction),
    "layers": lambda output: f"{output.selection.layers:,}",
    "rounds": lambda output: f"{output.selection.rounds:,}",
    "seconds": lambda output: f"{sum(output.report.timings.values()):.1f}",
}


_BOUNDS = {"prefix": "by the gains that are left", "lp": "by linear programming"}


def _at_least(fraction: float) -> str:
    """A proven fraction in percent, never rounded up."""
    return f"{math.floor(fraction * 1000) / 10:.1f}%"


def _share(selection: Selection) -> float:
    return selection.coverage / selection.total if selection.total else 1.0
