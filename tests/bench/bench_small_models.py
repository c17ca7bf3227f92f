"""Time small 2-D networks in the numpy float engine against ONNX Runtime, one thread each, in turns.

    python tests/bench/bench_small_models.py [--runs 200] [--all]

The six keyword-spotting networks with random weights, as `deploy export` writes them; needs the extra [export].
Minimum and median of both sides are printed; the limit is on the ratio of the minima.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.bench_float_engine import compare, report  # sets the thread counts before numpy reads them

LIMITS = {"CNN-S": 5.0, "DS-CNN-S": 5.0}
OTHERS = ("CNN-M", "CNN-L", "DS-CNN-M", "DS-CNN-L")


def export(name: str, path: Path) -> None:
    """Write the untrained network of a preset to `path`, traced, simplified and folded."""
    import torch

    from board_runner.frontends.mfcc import Mfcc
    from deployer.export import conversion
    from deployer.export.kws import build
    from deployer.export.kws_checkpoint import contract_of
    from deployer.export.kws_sizes import parse
    from deployer.export.sources import Source
    from deployer.folding.onnx_fold import write

    torch.manual_seed(0)
    shape = parse(name)
    contract = contract_of(shape, Mfcc())
    source = Source(folder=path.parent, network=build(shape).eval(), contract=contract)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's notice of its successor
        traced, _ = conversion.trace(source, contract)
    write(conversion.fold(conversion.simplify(traced)), path)


def main() -> int:
    """Every network asked for; 1 if a ratio is above its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=200, help="timed runs of each side")
    parser.add_argument("--all", action="store_true", help="the middle and large networks as well")
    asked = parser.parse_args()
    print(f"one thread, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    late = False
    with tempfile.TemporaryDirectory() as folder:
        for name in (*LIMITS, *(OTHERS if asked.all else ())):
            path = Path(folder) / f"{name}.onnx"
            export(name, path)
            comparison = compare(path, asked.runs)
            limit = LIMITS.get(name, 5.0)
            report(name, limit, comparison)
            late |= comparison.ratio_of_minima > limit
    return int(late)


if __name__ == "__main__":
    sys.exit(main())
