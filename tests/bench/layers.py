"""What does a network of equal layers cost beside one layer? Schedules encoders of a transformer and prints the phases of each, in
milliseconds, its peak memory, and the times of the longest as multiples of the shortest's.

`schedule` is bands, plans and placement; `stage` and `emit` are the code. A layer has weights of its own: projections to queries, keys and
values, scores, softmax, context, a projection, a sum with the layer's input, layer normalisation, and two products with a rectifier between
them.

usage: python3 tests/bench/layers.py [--binary FILE] [--capacity SIZE] [--timeout SECONDS] [LAYERS]...

Without numbers of layers: 1 and 12. Run by hand, on a machine that does nothing else.
"""
import argparse
import tempfile
from pathlib import Path

from phases import COLUMNS, PHASES, ROOT, measure, row

# Rows, heads, columns of a head, columns of the model and between the last two products.
SIZES = {"S": 256, "H": 8, "E": 64, "D": 512, "F": 2048}


def layer(n):
    """The declarations and the nests of layer `n`, which reads X{n - 1} and writes X{n}."""
    inputs = ["WQ#[D][D]", "WK#[D][D]", "WV#[D][D]", "WO#[D][D]", "W#[D][F]", "U#[F][D]", "B#[F]", "C#[D]", "G#[D]", "A#[D]"]
    temps = ["Q#[S][D]", "K#[S][D]", "V#[S][D]", "T#[H][S][S]", "M#[H][S]", "P#[H][S][S]", "L#[H][S]", "O#[S][D]", "R#[S][D]"]
    temps += ["Mean#[S]", "Var#[S]", "N#[S][D]", "Z#[S][F]"]
    projection = "for i in 0..S, j in 0..D { ?#[i][j] = 0; for k in 0..D { ?#[i][j] += X<[i][k] * W?#[k][j]; } }"
    nests = [projection.replace("?", name) for name in "QKV"]
    nests += [
        "for h in 0..H, i in 0..S, j in 0..S { T#[h][i][j] = 0; for e in 0..E { T#[h][i][j] += Q#[i][E * h + e] * K#[j][E * h + e]; } }",
        "for h in 0..H, i in 0..S { M#[h][i] = -inf; for j in 0..S { M#[h][i] max= T#[h][i][j]; } }",
        "for h in 0..H, i in 0..S { L#[h][i] = 0; for j in 0..S { P#[h][i][j] = exp(T#[h][i][j] - M#[h][i]); L#[h][i] += P#[h][i][j]; } }",
        "for h in 0..H, i in 0..S, e in 0..E { O#[i][E * h + e] = 0; "
        "for j in 0..S { O#[i][E * h + e] += P#[h][i][j] / L#[h][i] * V#[j][E * h + e]; } }",
        "for i in 0..S, j in 0..D { R#[i][j] = 0; for k in 0..D { R#[i][j] += O#[i][k] * WO#[k][j]; } }",
        "for i in 0..S, j in 0..D { R#[i][j] = R#[i][j] + X<[i][j]; }",
        "for i in 0..S { Mean#[i] = 0; for j in 0..D { Mean#[i] += R#[i][j] / D; } }",
        "for i in 0..S { Var#[i] = 0; for j in 0..D { Var#[i] += (R#[i][j] - Mean#[i]) * (R#[i][j] - Mean#[i]) / D; } }",
        "for i in 0..S, j in 0..D { N#[i][j] = (R#[i][j] - Mean#[i]) * rsqrt(Var#[i] + 1e-5) * G#[j] + A#[j]; }",
        "for i in 0..S, f in 0..F { Z#[i][f] = 0; for j in 0..D { Z#[i][f] += N#[i][j] * W#[j][f]; } }",
        "for i in 0..S, f in 0..F { Z#[i][f] = max(Z#[i][f] + B#[f], 0); }",
        "for i in 0..S, j in 0..D { X#[i][j] = 0; for f in 0..F { X#[i][j] += Z#[i][f] * U#[f][j]; } }",
        "for i in 0..S, j in 0..D { X#[i][j] = X#[i][j] + C#[j] + N#[i][j]; }",
    ]
    named = lambda texts: [text.replace("#", str(n)).replace("<", str(n - 1)) for text in texts]
    return named(inputs), named(temps), named(nests)


def network(layers):
    inputs, temps, nests = ["X0[S][D]"], [f"X{n}[S][D]" for n in range(1, layers)], []
    for n in range(1, layers + 1):
        for known, more in zip((inputs, temps, nests), layer(n)):
            known += more
    sizes = ", ".join(f"{name} = {value}" for name, value in SIZES.items())
    declared = [f"param {sizes};", f"input {', '.join(inputs)};", f"temp {', '.join(temps)};", f"output X{layers}[S][D];"]
    return "\n".join(declared + nests) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layers", nargs="*", type=int, default=[1, 12], metavar="LAYERS")
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "polyfuse"), metavar="FILE")
    parser.add_argument("--capacity", default="512KiB", metavar="SIZE")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS")
    arguments = parser.parse_args()
    if not Path(arguments.binary).is_file():
        parser.error(f"{arguments.binary}: no such file; `cargo build --release` makes it, `--binary` names another")
    print(f"{'layers':<24}" + "".join(f"{column:>13}" for column in COLUMNS))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for layers in arguments.layers:
            kernel = Path(folder) / f"layers{layers}.loop"
            kernel.write_text(network(layers))
            figures = measure(arguments.binary, kernel, arguments.capacity, arguments.timeout)
            if isinstance(figures, str):
                print(f"{layers:<24}{figures}", flush=True)
                continue
            found[layers] = figures
            print(row(str(layers), figures), flush=True)
    if len(found) > 1:
        ratios = [most / least if least else 0 for most, least in zip(found[max(found)], found[min(found)])]
        print(f"{'ratio':<24}" + "".join(f"{ratio:>13.2f}" for ratio in ratios[: len(PHASES)]))


if __name__ == "__main__":
    main()
