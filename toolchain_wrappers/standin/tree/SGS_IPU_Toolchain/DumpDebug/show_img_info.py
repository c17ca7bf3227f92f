"""What an image says of itself, with the vendor's options and words."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "Scripts"))

import console

from board_runner.contract import InputContract, TensorSpec
from board_runner.errors import ModelError
from board_runner.integer import container

SCRATCH = Path("offline_img.log")


def main() -> None:
    """`show_img_info.py -m M.img --soc_version CHIP`."""
    console.require_environment()
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", "--model", required=True, type=Path)
    console.chip_argument(parser)
    args = parser.parse_args()
    if not args.model.is_file():
        raise FileNotFoundError(f"{console.RED}No such {args.model} model{console.PLAIN}")
    SCRATCH.write_text("")  # as the vendor's: written and deleted in the working directory
    try:
        _, parts = container.split(args.model.read_bytes())
    except ModelError as e:
        raise RuntimeError(f"{console.RED}parse_img failed: {e}{console.PLAIN}") from e
    finally:
        SCRATCH.unlink()
    contract = InputContract.from_json(container.read_info(parts["INFO"])["contract"])
    print(f"Offline IMG Version: {console.VERSION}")
    print(f"Offline Model Size: {args.model.stat().st_size}")
    print("Offline Model Max Batch Numer: 1")
    print("Offline Model Suggested Batch: [1]")
    print(f"Offline Model Variable Buffer Size: {container.split(args.model.read_bytes())[0]}\n")
    for kind, specs in (("Input", contract.inputs), ("Output", contract.outputs)):
        for index, spec in enumerate(specs):
            show(kind, index, spec)


def show(kind: str, index: int, spec: TensorSpec) -> None:
    """One block."""
    print(
        f"{kind}({index}):\n    name:\t{spec.name}\n    dtype:\t{spec.dtype}\n    shape:\t{list(spec.shape)}"
    )


main()
