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
    files = console.inputs(args.image)
    workers = console.Workers(args.num_process)
    data = Data(conv_config.input_name(ini), files, prepare, chosen.passes, workers)
    words = WORDS_1X if console.IS_1X else WORDS
    for line in words["before"]:
        console.red(line)
    out = args.output or args.model.with_name(args.model.name.replace("_float.sim", "_fixed.sim"))
    made = write_fixed(args.model, out, samples=data, settings=chosen)
    for line in words["after"]:
        console.red(line)
    if not console.IS_1X:
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
    """The vendor's; one process does the work of the `--num_process`, and swallows errors as those do."""
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
    console.chip_argument(parser)
    return parser


WORDS: dict[str, tuple[str, ...]] = {"before": (), "after": ()}
WORDS_1X = {
    "before": ("Start to analysis model...", "Run analysis model OK.", "Start to run statistics..."),
    "after": (
        *("Run statistics OK.", "Run analysis images OK."),
        *("Start to convert model...", "Run convert model OK."),
    ),
}


class Data:
    """The samples, anew at each call; one bar of passes x files steps, and nothing said of later calls."""

    def __init__(
        self,
        name: str,
        files: Sequence[Path],
        prepare: preprocess.Prepare,
        passes: int,
        workers: console.Workers,
    ) -> None:
        self._name, self._files, self._prepare, self._workers = name, files, prepare, workers
        self._left, self._bar = passes, console.Bar(len(files) * passes)

    def __call__(self) -> Iterator[Tensors]:
        """One pass, a sample at a time; without those that a worker died of."""
        self._left -= 1
        for index, path in enumerate(self._files):
            tensor = None
            if self._workers.lives(index):
                with self._workers.on(index):
                    tensor = self._prepare(str(path))
            if tensor is not None:
                yield {self._name: tensor}
            if self._left >= 0:
                self._bar.step()
        if self._left == 0:
            self._bar.end()


main()
