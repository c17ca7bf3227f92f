"""float.sim -> fixed.sim, with the vendor's options and words."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import console
import conv_config
import preprocess

from board_runner.contract import Tensors
from board_runner.graph import Graph
from board_runner.quant import patterns, quant_file, quant_info
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.settings import DEFAULT_THRESHOLD, LEVELS, QuantSettings


def main() -> None:
    """`calibrator.py -i DATA -m M_float.sim --input_config INI -n PRE.py [--quant_level L] --soc_version CHIP`."""
    console.require_environment()
    args = options().parse_args()
    if not args.model.is_file():
        raise FileNotFoundError(f"{console.RED}No such {args.model} model{console.PLAIN}")
    ini = conv_config.read(args.input_config)
    chosen = QuantSettings(
        level=args.quant_level,
        sensitivity_threshold=args.sensitivity_threshold,
        overrides=quant_file.read(args.quant_file) if args.quant_file else {},
        **conv_config.bits(ini),
    )
    prepare = preprocess.load(args.preprocess)
    data = Data(conv_config.input_name(ini), console.inputs(args.image), prepare, chosen.passes)
    out = args.output or args.model.with_name(args.model.name.replace("_float.sim", "_fixed.sim"))
    made = write_fixed(args.model, out, samples=data, settings=chosen)
    sys.stdout.write("\rStart converting model...")
    print(flush=True)
    for note in made.notes:
        print(f"{console.GREEN}{note}{console.PLAIN}")
    if args.save_quant_info:
        info = out.with_name(f"{out.stem}_quant_info.json")
        quant_file.write(info, quant_info.entries(patterns.rewrite(Graph.load(args.model)), made.scheme))
        print(f"Quant info at: {info.resolve()}")
    print(f"\nFixed model at: {out.resolve()}\n", flush=True)
    console.move_to_log()


def options() -> argparse.ArgumentParser:
    """The vendor's; `--num_process` is accepted, and one process does the work whatever it says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-i", "--image", required=True)
    parser.add_argument("-m", "--model", required=True, type=Path)
    parser.add_argument("--input_config", required=True, type=Path)
    parser.add_argument("-n", "--preprocess", required=True, type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("-c", "--category", default="Unknown", choices=["Unknown"])
    parser.add_argument("--quant_level", default="L5", choices=LEVELS)
    parser.add_argument("--num_process", type=int, default=10)
    parser.add_argument("-sth", "--sensitivity_threshold", type=float, default=DEFAULT_THRESHOLD)
    parser.add_argument("--quant_file", type=Path)
    parser.add_argument("--save_quant_info", action="store_true")
    parser.add_argument("--soc_version", required=True)
    return parser


class Data:
    """The samples, anew at each call; one bar of passes x files steps, and nothing said of later calls."""

    def __init__(self, name: str, files: Sequence[Path], prepare: preprocess.Prepare, passes: int) -> None:
        self._name, self._files, self._prepare = name, files, prepare
        self._left, self._bar = passes, console.bar([*files] * passes)

    def __call__(self) -> Iterator[Tensors]:
        """One pass, a sample at a time."""
        self._left -= 1
        paths = iter(self._files) if self._left < 0 else self._bar
        for _ in self._files:
            yield {self._name: self._prepare(str(next(paths)))}
        if self._left == 0:
            for _ in self._bar:  # its last step, and the time
                pass


main()
