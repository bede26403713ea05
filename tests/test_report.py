"""Tests of scripts/report.py against a polyfuse that only pretends."""
import contextlib
import importlib.util
import io
import json
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location("report", ROOT / "scripts" / "report.py")
report = importlib.util.module_from_spec(SPEC)
sys.modules["report"] = report
SPEC.loader.exec_module(report)

# Prints a report whose optimised bytes stand in the kernel's file; `refuse` in it is an error of the input.
FAKE = f"""#!{sys.executable}
import json, pathlib, sys
assert sys.argv[1] == "opt" and sys.argv[-2:] == ["--emit", "json"], sys.argv
places = dict(zip(sys.argv[3:-2:2], sys.argv[4:-2:2]))
assert set(places) <= {{"--scratchpad", "--machine"}} and places, sys.argv
text = pathlib.Path(sys.argv[2]).read_text().strip()
if text == "refuse":
    print("error: the extent is empty\\nmore of it", file=sys.stderr)
    sys.exit(1)
if text == "babble":
    print("no JSON")
    sys.exit(0)
moved = lambda load, store: {{"load_bytes": load, "store_bytes": store}}
print(json.dumps({{
    "schema": "polyfuse-report/1", "kernel": "as polyfuse calls it",
    "machine": {{"name": "inf2", "scratchpad_bytes": int(places.get("--scratchpad", 512))}},
    "dram": {{"naive": moved(8000, 0), "per_nest": moved(3000, 1000), "optimized": moved(int(text) - 100, 100),
             "compulsory_bytes": 1000, "lower_bound_bytes": 1200}}}}))
"""


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.polyfuse = self.folder / "polyfuse"
        self.polyfuse.write_text(FAKE)
        self.polyfuse.chmod(0o755)

    def kernel(self, name, text):
        path = self.folder / f"{name}.loop"
        path.write_text(text)
        return str(path)

    def run_report(self, *arguments):
        """The exit status, what was printed, what was complained of."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = report.main(["--polyfuse", str(self.polyfuse), *map(str, arguments)])
            except SystemExit as leaving:
                status = leaving.code
        return status, out.getvalue(), err.getvalue()

    def saved(self, name, *arguments):
        path = self.folder / name
        self.run_report("--json", path, *arguments)
        return path

    def test_a_kernel_has_a_line_for_each_size(self):
        status, out, _ = self.run_report("--kernels", self.kernel("gemm", "2000"), "--scratchpad", "64KiB,4MiB")
        self.assertEqual(status, 0)
        lines = [line.split() for line in out.splitlines()]
        figures = ["8,000", "4,000", "2,000", "1,000", "1,200", "2.000", "2.000"]
        self.assertEqual(lines[1], ["gemm", "64KiB", *figures])
        self.assertEqual(lines[2], ["gemm", "4MiB", *figures])
        self.assertEqual(out.splitlines()[3], "2 results of 1 kernels, 0 failed")

    def test_one_failing_kernel_does_not_hide_the_others(self):
        kernels = [self.kernel("bad", "refuse"), self.kernel("good", "2000"), self.kernel("odd", "babble")]
        status, out, _ = self.run_report("--kernels", *kernels, "--scratchpad", "64KiB")
        self.assertEqual(status, 1)
        self.assertIn("error: exit 1: error: the extent is empty\n", out)
        self.assertIn("error: cannot read its report", out)
        self.assertIn("2,000", out)
        self.assertIn("3 results of 3 kernels, 2 failed", out)

    def test_a_missing_polyfuse_is_a_failure_of_each_kernel(self):
        self.polyfuse.unlink()
        status, out, _ = self.run_report("--kernels", self.kernel("gemm", "2000"), "--scratchpad", "64KiB")
        self.assertEqual(status, 1)
        self.assertIn("No such file", out)

    def test_a_slow_polyfuse_is_stopped(self):
        self.polyfuse.write_text("#!/bin/sh\nexec sleep 60\n")
        status, out, _ = self.run_report("--kernels", self.kernel("gemm", "1"), "--scratchpad", "1", "--timeout", "0.1")
        self.assertEqual(status, 1)
        self.assertIn("took more than 0.1 s", out)

    def test_a_pattern_names_several_kernels_and_each_once(self):
        first, _ = self.kernel("a", "1000"), self.kernel("b", "1000")
        _, out, _ = self.run_report("--kernels", first, self.folder / "*.loop", "--scratchpad", "64KiB")
        self.assertIn("2 results of 2 kernels", out)

    def test_more_bytes_than_before_are_worse_and_fail(self):
        kernel = self.kernel("gemm", "2000")
        old = self.saved("old.json", "--kernels", kernel, "--scratchpad", "64KiB")
        self.kernel("gemm", "2100")
        arguments = ["--kernels", kernel, "--scratchpad", "64KiB", "--against", old]
        status, out, _ = self.run_report(*arguments)
        self.assertEqual(status, 1)
        self.assertIn("worse +5.00%", out)
        status, out, _ = self.run_report(*arguments, "--threshold", "5")
        self.assertEqual(status, 0)
        self.assertNotIn("worse +", out)

    def test_fewer_bytes_than_before_are_better(self):
        kernel = self.kernel("gemm", "2000")
        old = self.saved("old.json", "--kernels", kernel, "--scratchpad", "64KiB")
        self.kernel("gemm", "1500")
        status, out, _ = self.run_report("--kernels", kernel, "--scratchpad", "64KiB", "--against", old)
        self.assertEqual(status, 0)
        self.assertIn("better -25.00%", out)
        self.assertIn("1 better, 0 worse", out)

    def test_a_kernel_that_starts_to_fail_is_worse(self):
        kernel = self.kernel("gemm", "2000")
        old = self.saved("old.json", "--kernels", kernel, "--scratchpad", "64KiB")
        self.kernel("gemm", "refuse")
        status, out, _ = self.run_report("--kernels", kernel, "--scratchpad", "64KiB", "--against", old, "--threshold", "900")
        self.assertEqual(status, 1)
        self.assertIn("0 better, 1 worse", out)

    def test_machines_are_run_with_their_own_scratchpads_or_with_each_size(self):
        kernel = self.kernel("gemm", "2000")
        path = self.folder / "now.json"
        status, out, _ = self.run_report("--kernels", kernel, "--machines", "inf2,edge", "--json", path)
        self.assertEqual(status, 0)
        self.assertEqual([line.split()[:3] for line in out.splitlines()[1:3]], [["gemm", "inf2", "512"], ["gemm", "edge", "512"]])
        _, out, _ = self.run_report("--kernels", kernel, "--machines", "inf2,edge", "--scratchpad", "64KiB,4MiB", "--against", path)
        self.assertIn("4 results", out)
        self.assertEqual(out.count("  new\n"), 4)
        _, out, _ = self.run_report("--read", path, "--against", path)
        self.assertNotIn("new", out)

    def test_markdown_shows_what_changed_and_what_is_worse_stands_out(self):
        kernels = [self.kernel("same", "2000"), self.kernel("grown", "2000"), self.kernel("bad", "refuse")]
        run = ["--kernels", *kernels, "--scratchpad", "64KiB"]
        old = self.saved("old.json", *run)
        self.kernel("grown", "3000")
        _, out, _ = self.run_report(*run, "--markdown")
        self.assertEqual(len([line for line in out.splitlines() if line.startswith("| ")]), 4)
        self.assertIn("| bad | 64KiB | error: exit 1: error: the extent is empty |", out)
        _, out, _ = self.run_report(*run, "--markdown", "--against", old)
        rows = [line for line in out.splitlines() if line.startswith("| ")][1:]
        self.assertEqual(len(rows), 1, out)
        self.assertTrue(rows[0].startswith("| grown |") and rows[0].endswith("| **worse +50.00%** |"), rows)

    def test_colours_are_for_those_who_want_them(self):
        kernel = self.kernel("gemm", "2000")
        old = self.saved("old.json", "--kernels", kernel, "--scratchpad", "64KiB")
        self.kernel("gemm", "2100")
        run = ["--kernels", kernel, "--scratchpad", "64KiB", "--against", old]
        self.assertNotIn("\033", self.run_report(*run)[1])
        self.assertIn("\033[31mworse +5.00%\033[0m", self.run_report(*run, "--color", "always")[1])

    def test_a_revision_of_git_is_measured_too(self):
        repository = self.folder / "repository"
        (repository / "scripts").mkdir(parents=True)
        git = lambda *arguments: subprocess.run(
            ["git", "-C", str(repository), "-c", "user.name=x", "-c", "user.email=x@x", *arguments], check=True, capture_output=True)
        git("init", "--quiet")
        script = repository / "scripts" / "polyfuse"
        script.write_text(FAKE.replace("int(text) - 100", "int(text) + 900"))
        script.chmod(0o755)
        git("add", ".")
        git("commit", "--quiet", "--message", "more bytes")
        with unittest.mock.patch.object(report, "ROOT", repository):
            run = ["--kernels", self.kernel("gemm", "2000"), "--scratchpad", "64KiB"]
            status, out, _ = self.run_report(*run, "--against", "HEAD")
            self.assertEqual(status, 0)
            self.assertIn("better -33.33%", out)
            status, _, err = self.run_report(*run, "--against", "no-such-thing")
            self.assertEqual(status, 2)
            self.assertIn("neither a file nor a revision", err)
        self.assertEqual(git("worktree", "list").stdout.count(b"\n"), 1)

    def test_a_plot_is_drawn_or_it_is_said_what_is_missing(self):
        kernel = self.kernel("gemm", "2000")
        path = self.folder / "curves.svg"
        status, _, err = self.run_report("--kernels", kernel, "--scratchpad", "64KiB,4MiB", "--plot", path)
        if importlib.util.find_spec("matplotlib"):
            self.assertEqual(status, 0)
            self.assertIn("<svg", path.read_text())
        else:
            self.assertEqual(status, 2)
            self.assertIn("pip install matplotlib", err)
            self.assertFalse(path.exists())

    def test_only_the_same_size_is_compared(self):
        kernel = self.kernel("gemm", "2000")
        old = self.saved("old.json", "--kernels", kernel, "--scratchpad", "64KiB")
        status, out, _ = self.run_report("--kernels", kernel, "--scratchpad", "65536,4MiB", "--against", old)
        self.assertEqual(status, 0)
        self.assertEqual([line.endswith("  new") for line in out.splitlines()], [False, False, True, False])

    def test_saved_results_read_as_they_were_measured(self):
        kernels = [self.kernel("gemm", "2000"), self.kernel("bad", "refuse")]
        path = self.folder / "now.json"
        measured = self.run_report("--kernels", *kernels, "--scratchpad", "64KiB", "--json", path)
        self.polyfuse.unlink()
        self.assertEqual(self.run_report("--read", path), measured)

    def test_a_saved_report_of_polyfuse_is_read_too(self):
        moved = {"load_bytes": 30, "store_bytes": 4}
        dram = {"naive": moved, "per_nest": moved, "optimized": moved, "compulsory_bytes": 17, "lower_bound_bytes": 17}
        path = self.folder / "gemm.json"
        path.write_text(json.dumps({"schema": "polyfuse-report/1", "kernel": "gemm", "machine": {"scratchpad_bytes": 1024}, "dram": dram}))
        status, out, _ = self.run_report("--read", path)
        self.assertEqual(status, 0)
        self.assertEqual(out.splitlines()[1].split(), ["gemm", "1KiB", "34", "34", "34", "17", "17", "2.000", "1.000"])

    def test_what_cannot_be_read_is_wrong_usage(self):
        text = self.folder / "text.json"
        text.write_text("[]")
        for arguments in (["--read", text], ["--read", self.folder / "none.json"], ["--kernels", self.folder / "none.loop"], ["--scratchpad", "64KB"], ["--jobs", "0"]):
            status, out, err = self.run_report(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertTrue(err, arguments)

    def hostile(self):
        """Files that are no results, as text."""
        moved = {"load_bytes": 30, "store_bytes": 4}
        dram = {"naive": moved, "per_nest": moved, "optimized": moved, "compulsory_bytes": 17, "lower_bound_bytes": 17}
        good = {"schema": "polyfuse-report/1", "kernel": "gemm", "machine": {"scratchpad_bytes": 1024}, "dram": dram}
        text = json.dumps(good)
        yield from (text[:cut] for cut in range(0, len(text), 7))
        wrong = [None, True, "x", [], {}, -1, 1.5, 1e308, 1 << 64, 10**400, float("nan"), float("inf"), "\x1b[2J"]
        for value in wrong:
            for key in good:
                yield json.dumps({**good, key: value})
            for key in dram:
                yield json.dumps({**good, "dram": {**dram, key: value}})
            for key in moved:
                yield json.dumps({**good, "dram": {**dram, "naive": {**moved, key: value}}})
            yield json.dumps({**good, "machine": {"scratchpad_bytes": value}})
        for key in good:
            yield json.dumps({name: value for name, value in good.items() if name != key})
        for value in [*wrong, [None], [[]], [{}], [{"kernel": "a"}], [{"kernel": "a", "scratchpad_bytes": "1"}], [{"kernel": 1, "scratchpad_bytes": 1}]]:
            if value not in ([], {}):
                yield json.dumps({"schema": "polyfuse-results/1", "results": value})
        yield json.dumps({"schema": "polyfuse-results/1", "results": [{"kernel": "a", "scratchpad_bytes": 1, "secret": 1}]})
        yield "[" * 100_000
        yield '{"a":' * 100_000
        yield '{"schema": "polyfuse-report/1", "kernel": ' + "9" * 10_000 + "}"

    def test_no_hostile_file_gets_past_a_word(self):
        path = self.folder / "hostile.json"
        kept = 0
        for text in self.hostile():
            path.write_text(text)
            for arguments in (["--read", path], ["--read", path, "--against", path, "--markdown"]):
                status, out, err = self.run_report(*arguments)
                # A name may be any line of text; all else is refused.
                kept += status == 0
                self.assertIn(status, (0, 2), text[:200])
                self.assertEqual(bool(out), status == 0, text[:200])
                self.assertEqual(err.startswith("report.py: ") and err.count("\n") == 1, status == 2, text[:200])
                self.assertNotIn("\x1b", out + err)
        self.assertLess(kept, 10)
        path.write_bytes(b"\xff\x00")
        self.assertEqual(self.run_report("--read", path)[0], 2)

    def test_a_polyfuse_that_says_odd_things_is_a_failure_of_its_kernel(self):
        self.polyfuse.write_text(f"#!{sys.executable}\nprint('[' * 100000)\n")
        status, out, _ = self.run_report("--kernels", self.kernel("a", "1"), "--scratchpad", "64KiB")
        self.assertEqual(status, 1)
        self.assertIn("cannot read its report", out)

    def test_sizes_that_are_no_numbers_are_wrong_usage(self):
        for size in ("9" * 5000, "\u0664", "-1", "1e3", ""):
            self.assertEqual(self.run_report("--scratchpad", f"{size},", "--kernels", self.kernel("a", "1"))[0], 2)

    def test_the_kernels_of_the_repository_are_the_default(self):
        names = {path.stem for path in report.find_kernels(None)}
        self.assertLessEqual({"gemm", "two_mm", "jacobi_2d"}, names)

    def test_sizes_are_read_and_written(self):
        for text, size in (("64KiB", 65536), ("24MiB", 25165824), ("1000", 1000), ("1GiB", 1 << 30)):
            self.assertEqual(report.parse_size(text), size)
            self.assertEqual(report.format_size(size), text)


if __name__ == "__main__":
    unittest.main()
