"""fixed.sim -> img, with the vendor's options and words."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import console

from board_runner.errors import ModelError
from board_runner.quant.compile import write_image


def main() -> None:
    """`compiler.py -m M_fixed.sim --soc_version CHIP`."""
    console.require_environment()
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", "--model", required=True, type=Path)
    console.chip_argument(parser)
    args = parser.parse_args()
    if not args.model.is_file():
        raise FileNotFoundError(f"{console.RED}No such {args.model} model{console.PLAIN}")
    console.renew("output")
    console.red("Start to run convert offline network...")
    started = time.monotonic()
    out = args.model.with_name(f"{args.model.name}_sgsimg.img")
    try:
        write_image(args.model, out, chip=args.soc_version)
    except ModelError as e:
        if console.IS_1X:  # which says OK before it looks, and ends with 0
            console.red("Run Pack Tool OK.")
            return
        raise RuntimeError(f"{console.RED}Run Calibration Offline failed!{console.PLAIN}") from e
    elapsed = time.strftime("%H:%M:%S", time.gmtime(time.monotonic() - started))
    console.red(f"Run Offline OK. Cost time: {elapsed}.")
    console.red("Run Offline OK.")
    console.red("Start to run pack tool...")
    console.red(f"Offline model at: {out.resolve()}")
    console.red("Run Pack Tool OK.")


main()
