"""How does the time to decide grow with a program? Schedules chains of matrix products, biases, stencils and rectifiers, and prints the
phases of each length, in milliseconds, and its peak memory.

usage: python3 tests/bench/chains.py [--binary FILE] [--capacity SIZE] [--timeout SECONDS] [STATEMENTS]...

Without lengths: 50, 200 and 500 statements. Run by hand, on a machine that does nothing else.
"""
import argparse
import tempfile
from pathlib import Path

from phases import COLUMNS, ROOT, measure, row

SIDE = 128


def chain(statements):
    """A program of at least that many statements; each layer reads what the one before it wrote."""
    declared, body = [f"input X0[{SIDE}][{SIDE}];"], []
    written, layer = 0, 0
    rows = f"for i in 0..{SIDE}, j in 0..{SIDE}"
    while written < statements:
        source, target, layer = f"X{layer}", f"X{layer + 1}", layer + 1
        if layer % 4 == 1:
            declared.append(f"input W{layer}[{SIDE}][{SIDE}];")
            product = f"for k in 0..{SIDE} {{ {target}[i][j] += {source}[i][k] * W{layer}[k][j]; }}"
            body.append(f"{rows} {{ {target}[i][j] = 0; {product} }}")
            written += 2
        elif layer % 4 == 2:
            declared.append(f"input B{layer}[{SIDE}];")
            body.append(f"{rows} {{ {target}[i][j] = {source}[i][j] + B{layer}[j]; }}")
            written += 1
        elif layer % 4 == 3:
            stencil = f"{target}[i][j] = {source}[i - 1][j] + {source}[i][j] + {source}[i + 1][j];"
            body.append(f"{rows} {{ {target}[i][j] = 0; if 1 <= i < {SIDE - 1} {{ {stencil} }} }}")
            written += 2
        else:
            body.append(f"{rows} {{ {target}[i][j] = max({source}[i][j], 0); }}")
            written += 1
    declared += [f"temp X{n}[{SIDE}][{SIDE}];" for n in range(1, layer)]
    declared.append(f"output X{layer}[{SIDE}][{SIDE}];")
    return "\n".join(declared + body) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("statements", nargs="*", type=int, default=[50, 200, 500], metavar="STATEMENTS")
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "polyfuse"), metavar="FILE")
    parser.add_argument("--capacity", default="512KiB", metavar="SIZE")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS")
    arguments = parser.parse_args()
    if not Path(arguments.binary).is_file():
        parser.error(f"{arguments.binary}: no such file; `cargo build --release` makes it, `--binary` names another")
    print(f"{'statements':<24}" + "".join(f"{column:>13}" for column in COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        for statements in arguments.statements:
            kernel = Path(folder) / f"chain{statements}.loop"
            kernel.write_text(chain(statements))
            figures = measure(arguments.binary, kernel, arguments.capacity, arguments.timeout)
            print(f"{statements:<24}{figures}" if isinstance(figures, str) else row(str(statements), figures), flush=True)


if __name__ == "__main__":
    main()
