#!/usr/bin/env python3
"""How many bytes cross to DRAM, for every kernel, scratchpad size and machine, in one table.

    scripts/report.py                                        every kernel at four sizes
    scripts/report.py --kernels kernels/conv*.loop --scratchpad 64KiB,512KiB
    scripts/report.py --machines inf2,edge                   on machines, each with its own scratchpad
    scripts/report.py --json now.json --against before.json  what became better, what worse
    scripts/report.py --against HEAD~3 --markdown            against another revision, for a review
    scripts/report.py --read now.json --plot curves.svg      saved results, nothing is run; a picture

`naive`: every access goes to DRAM. `per nest`: each top-level statement by itself. `compulsory`: every
element in and out once. `lower bound`: the largest bound that polyfuse knows of. All in bytes.

A revision of git is checked out and built beside the repository's own build, in target/against; the first
time that takes minutes.

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
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORT_SCHEMA = "polyfuse-report/1"
RESULTS_SCHEMA = "polyfuse-results/1"
SIZES = "64KiB,512KiB,4MiB,24MiB"
UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Unusable(Exception):
    """A file or an argument that cannot be used; the text says why."""


def bytes_of(number: object, name: str) -> int:
    """A number of bytes that a file holds."""
    if type(number) is not int or not 0 <= number < 1 << 64:
        raise TypeError(f"`{name}` is no number of bytes")
    return number


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
    machine: str | None = None  # None: the one that polyfuse takes by itself
    error: str | None = None

    def __post_init__(self) -> None:
        """Results are read from files that anybody may have written."""
        for name in ("kernel", "machine", "error"):
            text = getattr(self, name)
            if not (text is None and name != "kernel") and not (isinstance(text, str) and text.isprintable()):
                raise TypeError(f"`{name}` is no line of text")
        for name in ("scratchpad_bytes", "naive", "per_nest", "optimized", "compulsory", "lower_bound"):
            number = getattr(self, name)
            if number is not None or name == "scratchpad_bytes":
                bytes_of(number, name)

    @property
    def key(self) -> tuple[str, str | None, int]:
        """What makes two results comparable."""
        return self.kernel, self.machine, self.scratchpad_bytes


def parse_size(text: str) -> int:
    """`64KiB` or `65536` in bytes."""
    match = re.fullmatch(r"([0-9]{1,18}) *([A-Za-z]*)", text.strip())
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
        moved = {
            name: sum(bytes_of(dram[name][way], f"{name}.{way}") for way in ("load_bytes", "store_bytes"))
            for name in ("naive", "per_nest", "optimized")
        }
        return Result(
            kernel=kernel or report["kernel"],
            scratchpad_bytes=report["machine"]["scratchpad_bytes"],
            compulsory=dram["compulsory_bytes"],
            lower_bound=dram["lower_bound_bytes"],
            **moved,
        )
    except (KeyError, TypeError) as fault:
        raise Unusable(f"not a report of polyfuse: {fault!r}") from fault


@dataclass(frozen=True)
class Place:
    """What kernels are scheduled for: a machine, a scratchpad, or both."""

    machine: str | None
    scratchpad_bytes: int | None

    @property
    def arguments(self) -> list[str]:
        """The options that say so."""
        size = [] if self.scratchpad_bytes is None else ["--scratchpad", str(self.scratchpad_bytes)]
        return size + ([] if self.machine is None else ["--machine", self.machine])


def plain(text: str) -> str:
    """A text without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)


def measure(polyfuse: list[str], kernel: Path, place: Place, timeout: float | None) -> Result:
    """Optimises one kernel. A failure is a result that carries its first line."""
    command = [*polyfuse, "opt", str(kernel), *place.arguments, "--emit", "json"]

    def failed(why: str) -> Result:
        return Result(kernel.stem, place.scratchpad_bytes or 0, machine=place.machine, error=why)

    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return failed(f"took more than {timeout:g} s")
    except OSError as fault:
        return failed(f"{polyfuse[-1]}: {fault.strerror}")
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["nothing on stderr"]
        return failed(f"exit {done.returncode}: {plain(said[0])}")
    try:
        return replace(result_of_report(json.loads(done.stdout), kernel.stem), machine=place.machine)
    except (ValueError, RecursionError, Unusable) as fault:
        return failed(f"cannot read its report: {plain(str(fault))}")


def measure_all(polyfuse: list[str], kernels: list[Path], places: list[Place], jobs: int, timeout: float | None) -> list[Result]:
    """Every kernel at every place, `jobs` at a time, in the order of the kernels and places."""
    runs = [(kernel, place) for kernel in kernels for place in places]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda run: measure(polyfuse, *run, timeout), runs))


def read_results(path: str) -> list[Result]:
    """Results saved by `--json`, or one report saved by polyfuse."""
    try:
        saved = json.loads(Path(path).read_text())
    except OSError as fault:
        raise Unusable(f"{path}: {fault.strerror}") from fault
    except (ValueError, RecursionError) as fault:
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


@contextmanager
def revision(name: str):
    """The command of polyfuse as it was at a revision of git."""
    with tempfile.TemporaryDirectory(prefix="polyfuse-") as folder:
        tree = os.path.join(folder, "tree")
        git = ["git", "-C", str(ROOT), "worktree"]
        added = subprocess.run([*git, "add", "--quiet", "--detach", tree, name], capture_output=True, text=True)
        if added.returncode != 0:
            raise Unusable(f"{name}: neither a file nor a revision of git: {(added.stderr.strip().splitlines() or [''])[-1]}")
        try:
            yield ["env", f"CARGO_TARGET_DIR={ROOT / 'target' / 'against'}", os.path.join(tree, "scripts", "polyfuse")]
        finally:
            subprocess.run([*git, "remove", "--force", tree], capture_output=True)


def ratio(part: int | None, whole: int | None) -> str:
    """`part` in multiples of `whole`, or nothing where that says nothing."""
    return f"{part / whole:.3f}" if part is not None and whole else ""


HEAD = ["kernel", "scratchpad", "naive", "per nest", "optimised", "compulsory", "lower bound", "opt/comp", "nest/opt"]
COLOURS = {"better": "32", "worse": "31", "error": "31", "new": "36"}


def rows_of(results: list[Result], with_machine: bool) -> list[list[str]]:
    """The cells of each result, under `HEAD`; the machine stands beside the size."""
    rows = []
    for result in results:
        figures = [result.naive, result.per_nest, result.optimized, result.compulsory, result.lower_bound]
        size = format_size(result.scratchpad_bytes) if result.scratchpad_bytes else ""
        rows.append(
            [result.kernel, f"{result.machine or ''} {size}".strip() if with_machine else size]
            + [f"{figure:,}" if figure is not None else "" for figure in figures]
            + [ratio(result.optimized, result.compulsory), ratio(result.per_nest, result.optimized)]
        )
    return rows


def table(results: list[Result], changes: list[Change] | None, colour: bool = False) -> str:
    """The results in columns, figures to the right; a failure takes the place of its figures."""
    rows = rows_of(results, any(result.machine for result in results))
    widths = [max(len(row[column]) for row in [HEAD, *rows]) for column in range(len(HEAD))]

    def line(cells: list[str]) -> str:
        return "  ".join([cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:]))])

    def painted(text: str, verdict: str) -> str:
        return f"\033[{COLOURS[verdict]}m{text}\033[0m" if colour and text and verdict in COLOURS else text

    lines = [line(HEAD)]
    for index, (result, row) in enumerate(zip(results, rows)):
        text = line(row[:2]) + "  " + painted(f"error: {result.error}", "error") if result.error else line(row)
        mark = painted(str(changes[index]), changes[index].verdict) if changes else ""
        lines.append(f"{text}  {mark}".rstrip())
    return "\n".join(lines)


def markdown(results: list[Result], changes: list[Change] | None) -> str:
    """The same table for a review. With changes, only the results that changed."""
    head = HEAD + (["change"] if changes else [])
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(["---", "---", *["---:"] * (len(head) - 2)]) + "|"]
    rows = rows_of(results, any(result.machine for result in results))
    for index, (result, row) in enumerate(zip(results, rows)):
        mark = str(changes[index]) if changes else ""
        if changes and not mark:
            continue
        cells = [*row[:2], "error: " + result.error.replace("|", "\\|"), *[""] * (len(HEAD) - 3)] if result.error else row
        bold = [f"**{mark}**" if changes[index].verdict == "worse" else mark] if changes else []
        lines.append("| " + " | ".join([*cells, *bold]) + " |")
    return "\n".join(lines)


def byte_ticks(values: list[int]) -> tuple[float, float, dict[int, str]]:
    """From where to where an axis of bytes goes, and the round numbers on it with their names."""
    low, high = min(values) / 1.6, max(values) * 1.6
    units = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
    rounds = {digit * 10**power: f"{digit * 10 ** (power % 3)} {units[power // 3]}" for power in range(21) for digit in (1, 2, 5)}
    inside = [value for value in rounds if low <= value <= high]
    return low, high, {value: rounds[value] for value in inside[:: len(inside) // 8 + 1]}


def plot(path: str, results: list[Result], before: dict | None) -> None:
    """A picture of bytes against the scratchpad, a panel for each kernel."""
    from matplotlib.figure import Figure

    kernels = sorted({result.kernel for result in results})
    columns = max(1, min(5, len(kernels)))
    height = -(-len(kernels) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.6 * height), layout="constrained")
    for index, kernel in enumerate(kernels):
        axes = figure.add_subplot(height, columns, index + 1)
        points = sorted((r for r in results if r.kernel == kernel and r.optimized is not None), key=lambda r: r.scratchpad_bytes)
        sizes = [result.scratchpad_bytes for result in points]
        for name, values, style in (
            ("per nest", [r.per_nest for r in points], "--"),
            ("lower bound", [r.lower_bound for r in points], ":"),
            ("optimised", [r.optimized for r in points], "o-"),
        ):
            axes.plot(sizes, values, style, label=name, markersize=3)
        old = [(r.scratchpad_bytes, before[r.key].optimized) for r in points if before and r.key in before]
        old = [point for point in old if point[1] is not None]
        moved = [r.per_nest for r in points] + [r.lower_bound for r in points] + [r.optimized for r in points] + [b for _, b in old]
        if old:
            axes.plot(*zip(*old), "x-", label="before", markersize=4, linewidth=0.8)
        axes.set(xscale="log", yscale="log")
        axes.set_title(kernel, fontsize=9)
        axes.set_xticks(sizes, [format_size(size) for size in sizes], rotation=45, fontsize=6)
        axes.minorticks_off()
        if any(moved):
            low, high, ticks = byte_ticks([value for value in moved if value])
            axes.set_ylim(low, high)
            axes.set_yticks(list(ticks), list(ticks.values()), fontsize=6)
        if index == 0:
            axes.legend(fontsize=6)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as fault:
        raise Unusable(f"{path}: {fault}") from fault


def check_plotting() -> None:
    """Says before anything is run that there will be no picture."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as fault:
        raise Unusable("--plot needs matplotlib, which this Python does not have (pip install matplotlib)") from fault


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
    parser.add_argument("--scratchpad", metavar="SIZES", help=f"separated by commas (default: {SIZES}, or each machine's own)")
    parser.add_argument("--machines", metavar="NAMES", help="machines or their files, separated by commas (default: polyfuse's)")
    parser.add_argument("--polyfuse", default=str(ROOT / "scripts" / "polyfuse"), metavar="BIN", help="default: scripts/polyfuse")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="runs at a time (default: the cores)")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="for one run (default: none)")
    parser.add_argument("--read", nargs="+", metavar="FILE", help="saved reports or results instead of running")
    parser.add_argument("--json", metavar="OUT", help="save the results")
    parser.add_argument("--against", metavar="OLD", help="results saved before, or a revision of git, to compare with")
    parser.add_argument("--threshold", type=float, default=0.0, metavar="PERCENT", help="growth that still counts as the same (default: 0)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown; with --against what changed")
    parser.add_argument("--plot", metavar="OUT", help="draw bytes against the scratchpad (.svg, .png, .pdf)")
    parser.add_argument("--color", choices=["auto", "always", "never"], default="auto", help="default: on a terminal, unless NO_COLOR is set")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error("--jobs must be at least 1")
    return options


def places_of(options: argparse.Namespace) -> list[Place]:
    """Every machine with every size."""
    machines = options.machines.split(",") if options.machines else [None]
    sizes = options.scratchpad or (None if options.machines else SIZES)
    capacities = [parse_size(size) for size in sizes.split(",")] if sizes else [None]
    return [Place(machine, capacity) for machine in machines for capacity in capacities]


def results_before(options: argparse.Namespace, measured) -> dict | None:
    """What `--against` names: a saved file, else a revision to be measured."""
    if not options.against:
        return None
    if os.path.exists(options.against):
        before = read_results(options.against)
    else:
        with revision(options.against) as polyfuse:
            before = measured(polyfuse)
    return {result.key: result for result in before}


def report(options: argparse.Namespace) -> int:
    """Measures or reads, saves, prints; the exit status."""
    if options.plot:
        check_plotting()

    def measured(polyfuse: list[str]) -> list[Result]:
        return measure_all(polyfuse, find_kernels(options.kernels), places_of(options), options.jobs, options.timeout)

    before = results_before(options, measured)
    if options.read:
        results = [result for path in options.read for result in read_results(path)]
    else:
        results = measured([options.polyfuse])
    if options.json:
        write_results(options.json, results)

    changes = None
    if before is not None:
        changes = [compare(result, before.get(result.key), options.threshold) for result in results]
    colour = options.color == "always" or (options.color == "auto" and sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    print(markdown(results, changes) + "\n" if options.markdown else table(results, changes, colour))
    print(summary(results, changes))
    if options.plot:
        plot(options.plot, results, before)
    failed = any(result.error for result in results)
    worse = any(change.verdict == "worse" for change in changes or [])
    return 1 if failed or worse else 0


def main(arguments: list[str] | None = None) -> int:
    """The command line's entry point."""
    options = parse_arguments(arguments)
    try:
        return report(options)
    except Unusable as fault:
        print(f"report.py: {plain(str(fault))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever reads has gone; nothing more is to be said, by Python's own end neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
