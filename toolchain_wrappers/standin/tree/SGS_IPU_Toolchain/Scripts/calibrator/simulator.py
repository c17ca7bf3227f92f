"""Runs a float.sim, fixed.sim or img over data and writes the outputs as text, as the vendor's does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import console
import debug_dump
import numpy as np
import numpy.typing as npt
import preprocess

from board_runner import engine

VALUES_A_LINE = 16


def main() -> None:
    """`simulator.py -i DATA -m MODEL -n PRE.py -c Unknown --num_process N --soc_version CHIP`; 1.x: `-t STAGE`."""
    console.require_environment()
    parser = argparse.ArgumentParser()
    parser.add_argument("-i", "--image", required=True)
    parser.add_argument("-m", "--model", required=True, type=Path)
    parser.add_argument("-n", "--preprocess", required=True, type=Path)
    parser.add_argument("-c", "--category", default="Unknown", choices=["Unknown"])
    parser.add_argument("--num_process", type=int, default=1)
    if console.IS_1X:
        parser.add_argument("-t", "--type", required=True, choices=console.STAGES)
    console.chip_argument(parser)
    args = parser.parse_args()
    if not args.model.is_file():
        raise FileNotFoundError(f"{console.RED}No such {args.model} model{console.PLAIN}")
    files = console.inputs(args.image)
    prepare = preprocess.load(args.preprocess)
    model = engine.load(args.model)
    show(model)
    output = console.renew("output")
    layers = debug_dump.requested()
    if console.IS_1X and not args.model.name.endswith(console.STAGES[args.type]):
        raise ValueError(f"{console.RED}{args.model} is no {args.type} model{console.PLAIN}")
    silent = args.num_process == 1  # as the vendor's tool
    if not silent:
        print(f"Start to evaluate on {args.image}...", flush=True)
    workers, bar = console.Workers(args.num_process), console.Bar(len(files), silent=silent)
    for index, path in enumerate(files):
        if workers.lives(index):
            with workers.on(index):
                given = prepare(str(path))
                tensors = model.run({model.inputs[0].name: given})
                if layers is not None:
                    debug_dump.write(layers, model, given)
                text = "".join(dump(name, value) for name, value in tensors.items())
                (output / f"unknown_{args.model.name}_{path.name}.txt").write_text(text)
        bar.step()
    bar.end()
    if not silent:
        console.red("Run evaluation OK.")
    console.move_to_log()


def show(model: engine.Engine) -> None:
    """The `Net:` block."""
    print("Net:\nmodel (")
    for kind, specs in (("Input", model.inputs), ("Output", model.outputs)):
        for index, spec in enumerate(specs):
            print(f"{kind}({index}):\n    name:\t{spec.name}\n    index:\t{index}")
            print(f"    dtype:\t<class 'numpy.{spec.dtype}'>\n    shape:\t{list(spec.shape)}")
    print(")", flush=True)


def dump(name: str, value: npt.NDArray[np.float32]) -> str:
    """One tensor in the text format of the vendor's `-c Unknown`."""
    shape = " ".join(str(size) for size in value.shape)
    head = f"{name} Tensor:\n{{\ntensor dim:{value.ndim},  Original shape:[{shape}]\ntensor data:\n"
    body = []
    for index, number in enumerate(value.ravel(), start=1):
        body.append(f"{number:.6f}  ")
        if index % VALUES_A_LINE == 0:
            body.append("\n")
    if value.size % VALUES_A_LINE:
        body.append("\n")
    return head + "".join(body) + "}\n\n"


main()
