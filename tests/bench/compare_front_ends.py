"""How far the front ends in C are from those in Python, over the shipped clips and sounds of odd lengths.

    PYTHONPATH=. python tests/bench/compare_front_ends.py [--cross aarch64|armhf]

For each front end: the largest distance of a feature, how many levels of an int16 input differ, and how many class
ids of a random linear scorer. Levels that differ lie at a rounding edge, which the script checks.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from board_runner.contract import Array, InputContract
from board_runner.integer.engine import OfflineEngine
from deployer.logs import parser
from tests.native import scorers
from tests.native.build import COMPILERS, QEMU_LD, Built, make, make_probe
from tests.native.features import clips, probed


def main(argv: Sequence[str] | None = None) -> None:
    """Build, run, print a row a front end."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--cross", choices=sorted(COMPILERS))
    cross = options.parse_args(argv).cross
    with tempfile.TemporaryDirectory() as folder:
        built = _built(Path(folder) / "built", cross)
        print("| front end | largest distance | levels that differ | of | class ids that differ | of |")
        for number, (kind, contract) in enumerate(scorers.CONTRACTS.items()):
            place = Path(folder) / str(number)
            place.mkdir()
            print(f"| {kind} | {' | '.join(_row(built, contract, place))} |")


def _built(out: Path, cross: str | None) -> Built:
    if cross is None:
        make(out, "all")
        make_probe(out, out)
        return Built(folder=out)
    make(out, "all", f"CC={COMPILERS[cross]}")
    make_probe(out, out, "-static", compiler=COMPILERS[cross])
    return Built(folder=out, runner=(QEMU_LD[cross],))


def _row(built: Built, contract: InputContract, folder: Path) -> list[str]:
    (folder / "in").mkdir()
    paths = clips(folder / "in", contract)
    theirs = [scorers.features(path, contract) for path in paths]
    ours = probed(built, contract, paths, folder)
    scale = scorers.SCALES[contract.model]
    apart = max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))
    levels = [
        int((scorers.codes(a, scale) != scorers.codes(b, scale)).sum())
        for a, b in zip(ours, theirs, strict=True)
    ]
    classes = "none" if contract.model == "ecapa" else str(_wrong_classes(built, contract, folder, theirs))
    return [
        f"{apart:.1e}",
        f"{sum(levels)}",
        f"{sum(a.size for a in theirs)}",
        classes,
        f"{len(paths)}",
    ]


def _wrong_classes(built: Built, contract: InputContract, folder: Path, features: list[Array]) -> int:
    done = built.run("prog_sed_eat", "-i", folder / "in", "-m", folder / "eat.img")
    said = [run.class_id for run in parser.parse_stream(done.stdout)]
    wanted = [_class_id(folder / "eat.img", made, contract) for made in features]
    return sum(a != b for a, b in zip(said, wanted, strict=True))


def _class_id(image: Path, features: Array, contract: InputContract) -> int:
    engine = OfflineEngine.load(image)
    (spec,) = engine.inputs
    outputs = engine.run_raw({spec.name: features.reshape(spec.shape)})
    return int(outputs[contract.outputs[0].name].argmax())


if __name__ == "__main__":
    main()
