"""docs/performance.md from the results: `python -m benchmarks.report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_GIB = 1 << 30


def _results(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def _median_ratio(result: dict[str, Any], side: str, other: str) -> float:
    """The median of the ratios run by run, as the sides ran in turn."""
    pairs = zip(result["runs"][side], result["runs"][other], strict=True)
    ratios = sorted(one["seconds"] / another["seconds"] for one, another in pairs)
    return float(ratios[len(ratios) // 2])


def _rounds_share(result: dict[str, Any]) -> float:
    """Rounds over the statistics stage (the pass over the text and the merging of counts), the median."""
    timings = [run["timings"] for run in result["runs"]["zipcal"]]
    shares = sorted(one["select"] / (one["read"] + one["statistics"]) for one in timings)
    return float(shares[len(shares) // 2])


def figures(results: dict[str, dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Rows of figure, must, aim and what was measured; those without a result are left out."""
    rows = []

    def row(figure: str, must: str, aim: str, value: str) -> None:
        rows.append((figure, must, aim, value))

    if "a" in results:
        a = results["a"]
        row("select on a over DuckDB's count of a", "<= 2.0", "<= 1.0", f"{_median_ratio(a, 'zipcal', 'duckdb'):.2f}")
        row("peak memory on a", "<= 4 GiB", "<= 2 GiB", f"{a['peak_bytes']['zipcal'] / _GIB:.1f} GiB")
        row("rounds over the statistics stage, a", "<= 0.5", "<= 0.2", f"{_rounds_share(a):.2f}")
    if "c" in results:
        c = results["c"]
        row("select on c over DuckDB's count of c", "<= 1.0", "<= 0.3", f"{_median_ratio(c, 'zipcal', 'duckdb'):.2f}")
    if "e" in results:
        row("rounds over the statistics stage, e", "<= 0.5", "<= 0.2", f"{_rounds_share(results['e']):.2f}")
    if "plain" in results:
        ratio = _median_ratio(results["plain"], "plain", "zipcal")
        row("plain Python greedy on a over select", ">= 4", ">= 8", f"{ratio:.2f}")
    if "paper" in results:
        ratio = _median_ratio(results["paper"], "paper", "zipcal")
        row("the paper's method on 200,000 documents over select", ">= 8", ">= 20", f"{ratio:.2f}")
    if {"a", "b"} <= results.keys():
        a, b = results["a"], results["b"]
        wall = b["median_seconds"]["zipcal"] / a["median_seconds"]["zipcal"]
        row("b over a: wall", "<= 4.4", "<= 4.0", f"{wall:.2f}")
        memory = b["peak_bytes"]["zipcal"] / a["peak_bytes"]["zipcal"]
        row("b over a: peak memory", "<= 1.3", "<= 1.1", f"{memory:.2f}")
    if "small" in results:
        seconds = results["small"]["median_seconds"]["zipcal"]
        row("select on 7,000 documents, cold", "<= 15 s", "<= 8 s", f"{seconds:.1f} s")
    return rows


def render(results: dict[str, dict[str, Any]], notes: str) -> str:
    """The page."""
    lines = ["# Performance", "", "Whole processes, cold, run in turn; medians. Made by `make bench`.", ""]
    lines += ["| figure | must | aim | measured |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in figures(results)]
    lines += ["", "| workload | side | median seconds | peak memory | runs |", "|---|---|---|---|---|"]
    for name, result in results.items():
        for side, seconds in result["median_seconds"].items():
            peak = f"{result['peak_bytes'][side] / _GIB:.2f} GiB"
            lines.append(f"| {name} | {side} | {seconds:.1f} | {peak} | {len(result['runs'][side])} |")
    for result in list(results.values())[:1]:
        versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
        memory = result["machine"]["memory"] / _GIB
        lines += [
            "",
            f"{result['machine']['cores']} cores, {memory:.0f} GiB, {result['machine']['system']}; {versions}.",
        ]
    return "\n".join([*lines, "", notes])


if __name__ == "__main__":
    docs = HERE.parent / "docs"
    docs.mkdir(exist_ok=True)
    page = render(_results(HERE / "results"), (HERE / "notes.md").read_text())
    (docs / "performance.md").write_text(page)
