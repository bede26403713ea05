"""Where does polyfuse spend its time? Schedules kernels and prints the phases of each, in milliseconds, and its peak memory.

usage: python3 tests/bench/phases.py [--binary FILE] [--capacity SIZE]... [--timeout SECONDS] [KERNEL.loop]...

Without kernels: all of kernels/. Without capacities: 512KiB and 24MiB. Run by hand, on a machine that does nothing else, with
a release build. A process starts with the memory of what started it, so no peak is shown as less than this script's own, some
15 MiB.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PHASES = ["parse", "dependences", "schedule", "stage", "emit", "check", "total"]
COLUMNS = [*PHASES, "peak MiB"]


def measure(binary, kernel, capacity, timeout):
    """The time of each phase and the peak memory in MiB, or a text that says why there are none."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [binary, "opt", str(kernel), "--scratchpad", capacity, "--report", str(report), "-o", os.devnull]
        with tempfile.TemporaryFile() as messages:
            child = subprocess.Popen(command, stderr=messages)
            timer = threading.Timer(timeout, child.kill)
            timer.start()
            _, status, usage = os.wait4(child.pid, 0)
            timer.cancel()
            child.returncode = os.waitstatus_to_exitcode(status)
            messages.seek(0)
            first = (messages.read().decode(errors="replace").strip().splitlines() or ["no message"])[0]
        if child.returncode == -9:
            return f"killed, as after {timeout:g} s"
        if child.returncode != 0:
            return f"exit {child.returncode}: {first}"
        said = json.loads(report.read_text())
        if any(remark["kind"] == "unknown-dependences" for remark in said["remarks"]):
            return "not scheduled: the dependences ran out of their budget"
        times = said["time_ms"]
    # Linux gives kilobytes, macOS bytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return [*(times[phase] for phase in PHASES), usage.ru_maxrss / unit]


def row(name, figures):
    return f"{name:<24}" + "".join(f"{figure:>13.1f}" for figure in figures)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernels", nargs="*", type=Path, metavar="KERNEL.loop")
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "polyfuse"), metavar="FILE")
    parser.add_argument("--capacity", action="append", metavar="SIZE")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS")
    arguments = parser.parse_args()
    kernels = arguments.kernels or sorted((ROOT / "kernels").glob("*.loop"))
    if not Path(arguments.binary).is_file():
        parser.error(f"no binary at {arguments.binary}: build it, or name one with --binary")
    failed = False
    for capacity in arguments.capacity or ["512KiB", "24MiB"]:
        print(f"{capacity:<24}" + "".join(f"{column:>13}" for column in COLUMNS))
        rows = []
        for kernel in kernels:
            figures = measure(arguments.binary, kernel, capacity, arguments.timeout)
            if isinstance(figures, str):
                failed = True
                print(f"{kernel.stem:<24}  {figures}", flush=True)
                continue
            rows.append(figures)
            print(row(kernel.stem, figures), flush=True)
        if rows:
            print(row("median", map(statistics.median, zip(*rows))))
            print(row("maximum", map(max, zip(*rows))))
        print()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
