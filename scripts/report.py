#!/usr/bin/env python3
"""How many bytes cross to DRAM, for every kernel and scratchpad size, in one table.

    scripts/report.py                                        every kernel at four sizes
    scripts/report.py --kernels kernels/conv*.loop --scratchpad 64KiB,512KiB
    scripts/report.py --json now.json --against before.json  what became better, what worse
    scripts/report.py --read now.json report.json            saved results or reports, nothing is run

`naive`: every access goes to DRAM. `per nest`: each top-level statement by itself. `compulsory`: every
element in and out once. `lower bound`: the largest bound that polyfuse knows of. All in bytes.

Exit status: 0 all is well; 1 a kernel failed, or is worse than before; 2 wrong usage.
"""
from __future__ import annotations

import argparse
import glob
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORT_SCHEMA = "polyfuse-report/1"
RESULTS_SCHEMA = "polyfuse-results/1"
UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Unusable(Exception):
    """A file or an argument that cannot be used; the text says why."""


@dataclass(frozen=True)
class Result:
    """One kernel at one scratchpad size: its bytes, or why there are none."""

    kernel: str
    scratchpad_bytes: int
    naive: int | None = None
    per_nest: int | None = None
    optimized: int | None = None
    compulsory: int | None = None
    lower_bound: int | None = None
    error: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What makes two results comparable."""
        return self.kernel, self.scratchpad_bytes


def parse_size(text: str) -> int:
    """`64KiB` or `65536` in bytes."""
    match = re.fullmatch(r"(\d+) *([A-Za-z]*)", text.strip())
    if not match or match[2] not in UNITS:
        raise Unusable(f"{text!r} is no size; write bytes, or a number with KiB, MiB or GiB")
    return int(match[1]) * UNITS[match[2]]


def format_size(size: int) -> str:
    """The shortest exact way to write a size: `64KiB`, `1000`."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % UNITS[unit] == 0:
            return f"{size // UNITS[unit]}{unit}"
    return str(size)


def result_of_report(report: dict, kernel: str | None = None) -> Result:
    """The bytes of one report that polyfuse wrote."""
    try:
        dram = report["dram"]
        moved = {name: dram[name]["load_bytes"] + dram[name]["store_bytes"] for name in ("naive", "per_nest", "optimized")}
        return Result(
            kernel=kernel or report["kernel"],
            scratchpad_bytes=report["machine"]["scratchpad_bytes"],
            compulsory=dram["compulsory_bytes"],
            lower_bound=dram["lower_bound_bytes"],
            **moved,
        )
    except (KeyError, TypeError) as fault:
        raise Unusable(f"not a report of polyfuse: {fault!r}") from fault


def measure(polyfuse: str, kernel: Path, scratchpad_bytes: int, timeout: float | None) -> Result:
    """Optimises one kernel. A failure is a result that carries its first line."""
    command = [polyfuse, "opt", str(kernel), "--scratchpad", str(scratchpad_bytes), "--emit", "json"]

    def failed(why: str) -> Result:
        return Result(kernel.stem, scratchpad_bytes, error=why)

    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return failed(f"took more than {timeout:g} s")
    except OSError as fault:
        return failed(f"{polyfuse}: {fault.strerror}")
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["nothing on stderr"]
        return failed(f"exit {done.returncode}: {said[0]}")
    try:
        return result_of_report(json.loads(done.stdout), kernel.stem)
    except (ValueError, Unusable) as fault:
        return failed(f"cannot read its report: {fault}")


def measure_all(polyfuse: str, kernels: list[Path], sizes: list[int], jobs: int, timeout: float | None) -> list[Result]:
    """Every kernel at every size, `jobs` at a time, in the order of the kernels and sizes."""
    runs = [(kernel, size) for kernel in kernels for size in sizes]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda run: measure(polyfuse, *run, timeout), runs))


def read_results(path: str) -> list[Result]:
    """Results saved by `--json`, or one report saved by polyfuse."""
    try:
        saved = json.loads(Path(path).read_text())
    except OSError as fault:
        raise Unusable(f"{path}: {fault.strerror}") from fault
    except ValueError as fault:
        raise Unusable(f"{path}: not JSON: {fault}") from fault
    schema = saved.get("schema") if isinstance(saved, dict) else None
    try:
        if schema == REPORT_SCHEMA:
            return [result_of_report(saved)]
        if schema == RESULTS_SCHEMA:
            return [Result(**entry) for entry in saved["results"]]
    except (Unusable, KeyError, TypeError) as fault:
        raise Unusable(f"{path}: {fault}") from fault
    raise Unusable(f"{path}: neither {REPORT_SCHEMA} nor {RESULTS_SCHEMA}")


def write_results(path: str, results: list[Result]) -> None:
    """Saves results for `--against` and `--read`."""
    entries = [{name: value for name, value in asdict(result).items() if value is not None} for result in results]
    try:
        Path(path).write_text(json.dumps({"schema": RESULTS_SCHEMA, "results": entries}, indent=1) + "\n")
    except OSError as fault:
        raise Unusable(f"{path}: {fault.strerror}") from fault


@dataclass(frozen=True)
class Change:
    """How a result stands to an earlier one of the same kernel and size."""

    verdict: str  # "better", "worse", "same" or "new"
    percent: float | None = None  # of the earlier bytes; None where one of the two has none

    def __str__(self) -> str:
        if self.verdict in ("same", "new"):
            return "" if self.verdict == "same" else "new"
        return self.verdict if self.percent is None else f"{self.verdict} {self.percent:+.2f}%"


def compare(now: Result, before: Result | None, threshold: float) -> Change:
    """Worse: more than `threshold` percent above, or failing where there was a result."""
    if before is None:
        return Change("new")
    if now.optimized is None or before.optimized is None:
        if now.optimized == before.optimized:
            return Change("same")
        return Change("worse" if now.optimized is None else "better")
    if now.optimized == before.optimized:
        return Change("same")
    percent = 100 * (now.optimized - before.optimized) / max(before.optimized, 1)
    if now.optimized < before.optimized:
        return Change("better", percent)
    return Change("worse" if percent > threshold else "same", percent)


def ratio(part: int | None, whole: int | None) -> str:
    """`part` in multiples of `whole`, or nothing where that says nothing."""
    return f"{part / whole:.3f}" if part is not None and whole else ""


def table(results: list[Result], changes: list[Change] | None) -> str:
    """The results in columns, figures to the right; a failure takes the place of its figures."""
    head = ["kernel", "scratchpad", "naive", "per nest", "optimised", "compulsory", "lower bound", "opt/comp", "nest/opt"]
    rows = []
    for result in results:
        figures = [result.naive, result.per_nest, result.optimized, result.compulsory, result.lower_bound]
        rows.append(
            [result.kernel, format_size(result.scratchpad_bytes)]
            + [f"{figure:,}" if figure is not None else "" for figure in figures]
            + [ratio(result.optimized, result.compulsory), ratio(result.per_nest, result.optimized)]
        )
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: list[str]) -> str:
        return "  ".join([cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:]))])

    lines = [line(head)]
    for index, (result, row) in enumerate(zip(results, rows)):
        text = line(row[:2]) + f"  error: {result.error}" if result.error else line(row)
        mark = str(changes[index]) if changes else ""
        lines.append(f"{text}  {mark}".rstrip())
    return "\n".join(lines)


def summary(results: list[Result], changes: list[Change] | None) -> str:
    """One line of totals."""
    failures = sum(result.error is not None for result in results)
    text = f"{len(results)} results of {len({result.kernel for result in results})} kernels, {failures} failed"
    if changes is not None:
        better, worse = (sum(change.verdict == verdict for change in changes) for verdict in ("better", "worse"))
        text += f"; {better} better, {worse} worse"
    return text


def find_kernels(patterns: list[str] | None) -> list[Path]:
    """The files that the patterns name, each once, or all of the repository's kernels."""
    found: dict[str, None] = {}
    for pattern in patterns or [os.path.join(glob.escape(str(ROOT)), "kernels", "*.loop")]:
        matches = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern))
        if not matches:
            raise Unusable(f"{pattern}: no such kernel")
        found.update(dict.fromkeys(matches))
    return [Path(path) for path in found]


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", nargs="+", metavar="FILE", help="files or patterns (default: kernels/*.loop)")
    parser.add_argument("--scratchpad", default="64KiB,512KiB,4MiB,24MiB", metavar="SIZES", help="separated by commas (default: %(default)s)")
    parser.add_argument("--polyfuse", default=str(ROOT / "scripts" / "polyfuse"), metavar="BIN", help="default: scripts/polyfuse")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="runs at a time (default: the cores)")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="for one run (default: none)")
    parser.add_argument("--read", nargs="+", metavar="FILE", help="saved reports or results instead of running")
    parser.add_argument("--json", metavar="OUT", help="save the results")
    parser.add_argument("--against", metavar="OLD", help="results saved before, to compare with")
    parser.add_argument("--threshold", type=float, default=0.0, metavar="PERCENT", help="growth that still counts as the same (default: 0)")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error("--jobs must be at least 1")
    return options


def report(options: argparse.Namespace) -> int:
    """Measures or reads, saves, prints; the exit status."""
    before = {result.key: result for result in read_results(options.against)} if options.against else None
    if options.read:
        results = [result for path in options.read for result in read_results(path)]
    else:
        sizes = [parse_size(size) for size in options.scratchpad.split(",")]
        results = measure_all(options.polyfuse, find_kernels(options.kernels), sizes, options.jobs, options.timeout)
    if options.json:
        write_results(options.json, results)

    changes = None
    if before is not None:
        changes = [compare(result, before.get(result.key), options.threshold) for result in results]
    print(table(results, changes))
    print(summary(results, changes))
    failed = any(result.error for result in results)
    worse = any(change.verdict == "worse" for change in changes or [])
    return 1 if failed or worse else 0


def main(arguments: list[str] | None = None) -> int:
    """The command line's entry point."""
    options = parse_arguments(arguments)
    try:
        return report(options)
    except Unusable as fault:
        print(f"report.py: {fault}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
