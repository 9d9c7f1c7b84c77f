"""docs/performance.md, its plot, and docs/scaling.md from the results: `python -m benchmarks.report`."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any

from benchmarks.generate import WORKLOADS

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
    if "d" in results:
        ratio = _median_ratio(results["d"], "plain", "zipcal")
        row("plain Python greedy on d over select", "as it comes out", "", f"{ratio:.2f}")
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
    if {"a", "driver"} <= results.keys():
        # Over a round of a, which has far fewer partitions: one of 1,024 takes longer.
        runs = [run["timings"]["select"] / run["selection"]["rounds"] for run in results["a"]["runs"]["zipcal"]]
        share = results["driver"]["driver_seconds_a_round"] / sorted(runs)[len(runs) // 2]
        row("driver's own part of the rounds, 1,024 partitions", "<= 20 %", "<= 5 %", f"{share:.1%}")
    if "small" in results:
        seconds = results["small"]["median_seconds"]["zipcal"]
        row("select on 7,000 documents, cold", "<= 15 s", "<= 8 s", f"{seconds:.1f} s")
    return rows


def sweep(results: dict[str, dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Documents and median seconds of the exact greedy, ours and in plain Python, by size of the corpus."""
    sizes = {"small": "small", "middle": "paper", "a": "plain"}
    found: dict[str, list[tuple[int, float]]] = {"zipcal": [], "plain": []}
    for workload, name in sizes.items():
        for side, points in found.items():
            if name in results:
                points.append((WORKLOADS[workload].documents, results[name]["median_seconds"][side]))
    return found


def pays_from(points: dict[str, list[tuple[int, float]]]) -> int | None:
    """From how many documents on ours is faster, between the sizes measured, along straight lines."""
    pairs = list(zip(points["zipcal"], points["plain"], strict=True))
    for (one, other), (next_one, next_other) in pairwise(pairs):
        before, after = one[1] - other[1], next_one[1] - next_other[1]
        if before > 0 >= after:
            return round(one[0] + (next_one[0] - one[0]) * before / (before - after))
    return None


def plot(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Median wall time and peak memory of all sides; and by size of the corpus."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "zipcal"  # the same file from the same results
    from matplotlib import pyplot

    compared = {name: result for name, result in results.items() if "median_seconds" in result}
    bars = [(name, side) for name, result in compared.items() for side in result["median_seconds"]]
    figure, (times, memory, sizes) = pyplot.subplots(1, 3, figsize=(14, 4.5), layout="constrained")
    colours = {"zipcal": "tab:blue", "duckdb": "tab:orange", "plain": "tab:green", "paper": "tab:red"}
    for axis, key, unit, label in ((times, "median_seconds", 1, "seconds"), (memory, "peak_bytes", _GIB, "GiB")):
        axis.barh(
            [f"{name}: {side}" for name, side in bars],
            [compared[name][key][side] / unit for name, side in bars],
            color=[colours[side] for _, side in bars],
        )
        axis.set_xlabel(label)
        axis.invert_yaxis()
    for side, points in sweep(results).items():
        sizes.plot(*zip(*points, strict=True), marker="o", color=colours[side], label=side)
    sizes.set(xscale="log", yscale="log", xlabel="documents", ylabel="seconds")
    sizes.legend()
    figure.savefig(path, metadata={"Date": None})


def render(results: dict[str, dict[str, Any]], notes: str) -> str:
    """The page."""
    lines = ["# Performance", "", "Whole processes, cold, run in turn; medians. Made by `make bench`.", ""]
    lines += ["| figure | must | aim | measured |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in figures(results)]
    compared = {name: result for name, result in results.items() if "median_seconds" in result}
    lines += ["", "![Wall time, memory, and time by size](performance.svg)", ""]
    lines += ["| workload | side | median seconds | peak memory | runs |", "|---|---|---|---|---|"]
    for name, result in compared.items():
        for side, seconds in result["median_seconds"].items():
            peak = f"{result['peak_bytes'][side] / _GIB:.2f} GiB"
            lines.append(f"| {name} | {side} | {seconds:.1f} | {peak} | {len(result['runs'][side])} |")
    if size := pays_from(sweep(results)):
        lines += ["", f"Against the plain Python greedy, Spark pays from about {size:,} documents of ~110 words on."]
    for result in list(compared.values())[:1]:
        versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
        memory = result["machine"]["memory"] / _GIB
        lines += [
            "",
            f"{result['machine']['cores']} cores, {memory:.0f} GiB, {result['machine']['system']}; {versions}.",
        ]
    return "\n".join([*lines, "", notes])


def render_scaling(results: dict[str, dict[str, Any]], template: str) -> str:
    """docs/scaling.md: the template's fields filled in with what was measured and what follows from it."""
    return Template(template).substitute(extrapolate(results["scaling"], results["a"]))


def extrapolate(scaling: dict[str, Any], a: dict[str, Any]) -> dict[str, str]:
    """What 10**9 documents on 1,000 cores would cost, by the laws between the two sizes."""
    one, other = scaling["sizes"]
    documents, cores, partitions = 10**9, 1000, 4000

    def power(key: str) -> float:
        return math.log(other[key] / one[key]) / math.log(other["documents"] / one["documents"])

    def at(key: str) -> float:
        return float(other[key] * (documents / other["documents"]) ** power(key))

    timings = sorted((run["timings"] for run in a["runs"]["zipcal"]), key=lambda run: run["read"])[1]
    a_documents, a_cores = WORKLOADS["a"].documents, a["machine"]["cores"]
    rounds = next(run["selection"]["rounds"] for run in a["runs"]["zipcal"])
    core_seconds = {
        "read": timings["read"] * a_cores / a_documents,
        "round": timings["select"] / rounds * a_cores / a_documents,
    }
    types = at("types")
    # A partition of 250,000 documents: its own types, by the law of the corpus.
    own_types = other["types"] * (documents / partitions / other["documents"]) ** power("types")
    packet_row = other["packet_bytes"] / other["packet_types"]
    return {
        "block_kb_one": f"{one['block_bytes'] / one['documents']:.0f}",
        "block_kb_other": f"{other['block_bytes'] / other['documents']:.0f}",
        "block_tb": f"{other['block_bytes'] / other['documents'] * documents / 1e12:.2f}",
        "block_gb_a_core": f"{other['block_bytes'] / other['documents'] * documents / cores / 1e9:.2f}",
        "types_one": f"{one['types']:,}",
        "types_other": f"{other['types']:,}",
        "types_power": f"{power('types'):.2f}",
        "types_all": f"{types / 1e6:,.0f} million",
        "packet_row_one": f"{one['packet_bytes'] / one['packet_types']:.1f}",
        "packet_row_other": f"{packet_row:.1f}",
        "shuffle_gb": f"{own_types * packet_row * partitions / 1e9:,.0f}",
        "own_types": f"{own_types / 1e6:.1f} million",
        "billion_shuffle_gb": f"{1e9 * 3 * packet_row / 1e9:,.0f}",
        "table_gb": f"{10**9 * (4 * 32 + 8 + other['term_bytes'] / other['types']) / 1e9:,.0f}",
        "table_mb_a_slice": f"{10**9 / 2000 * (4 * 32 + 8 + other['term_bytes'] / other['types']) / 1e6:,.0f}",
        "table_gb_200": f"{10**9 / 200 * (4 * 32 + 8 + other['term_bytes'] / other['types']) / 1e9:.1f}",
        "shared_one": f"{one['shared_types']:,}",
        "shared_other": f"{other['shared_types']:,}",
        "pairs_one": f"{one['spectrum_pairs']:,}",
        "pairs_other": f"{other['spectrum_pairs']:,}",
        "pairs_power": f"{power('spectrum_pairs'):.2f}",
        "pairs_all": f"{at('spectrum_pairs') / 1e6:,.1f} million",
        "pairs_mb": f"{at('spectrum_pairs') * 24 / 1e6:,.0f}",
        "rounds_one": f"{one['rounds']}",
        "rounds_other": f"{other['rounds']}",
        "driver_mb_one": f"{one['driver_bytes_a_round'] / 1e6:.1f}",
        "driver_mb_other": f"{other['driver_bytes_a_round'] / 1e6:.1f}",
        "covered_mb_one": f"{one['covered_terms'] * 12 / 1e6:.2f}",
        "covered_mb_other": f"{other['covered_terms'] * 12 / 1e6:.2f}",
        "read_us": f"{core_seconds['read'] * 1e6:.0f}",
        "round_us": f"{core_seconds['round'] * 1e6:.1f}",
        "read_seconds": f"{core_seconds['read'] * documents / cores:.0f}",
        "round_seconds": f"{core_seconds['round'] * documents / cores:.0f}",
        "size_one": f"{one['documents']:,}",
        "size_other": f"{other['documents']:,}",
    }


if __name__ == "__main__":
    docs = HERE.parent / "docs"
    docs.mkdir(exist_ok=True)
    found = _results(HERE / "results")
    (docs / "performance.md").write_text(render(found, (HERE / "notes.md").read_text()))
    plot(found, docs / "performance.svg")
    (docs / "scaling.md").write_text(render_scaling(found, (HERE / "scaling.md.template").read_text()))
