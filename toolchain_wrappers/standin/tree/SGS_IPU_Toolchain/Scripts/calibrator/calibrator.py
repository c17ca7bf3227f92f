"""float.sim -> fixed.sim, with the vendor's options and words."""

from __future__ import annotations

import argparse
import configparser
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import console
import preprocess

from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.settings import QuantSettings


def main() -> None:
    """`calibrator.py -i DATA -m M_float.sim --input_config INI -n PRE.py --quant_level L --soc_version CHIP`."""
    console.require_environment()
    parser = argparse.ArgumentParser()
    parser.add_argument("-i", "--image", required=True)
    parser.add_argument("-m", "--model", required=True, type=Path)
    parser.add_argument("--input_config", required=True, type=Path)
    parser.add_argument("-n", "--preprocess", required=True, type=Path)
    parser.add_argument("--quant_level", default="L5")
    parser.add_argument("--num_process", type=int, default=10)
    parser.add_argument("--soc_version", required=True)
    args = parser.parse_args()
    if not args.model.is_file():
        raise FileNotFoundError(f"{console.RED}No such {args.model} model{console.PLAIN}")
    files = console.inputs(args.image)
    prepare = preprocess.load(args.preprocess)
    out = args.model.with_name(args.model.name.replace("_float.sim", "_fixed.sim"))
    name = input_name(args.input_config)
    samples = ({name: prepare(str(path))} for path in console.bar(files))
    write_fixed(args.model, out, samples=samples, settings=settings(args.input_config))
    sys.stdout.write("\rStart converting model...")
    print(f"\nFixed model at: {out.resolve()}\n", flush=True)
    console.move_to_log()


def _ini(path: Path) -> configparser.ConfigParser:
    ini = configparser.ConfigParser(inline_comment_prefixes=("#",))
    ini.read(path)
    return ini


def input_name(path: Path) -> str:
    """The one input of the model."""
    return _ini(path)["INPUT_CONFIG"]["inputs"].rstrip("; ")


def settings(path: Path) -> QuantSettings:
    """`[CONV_CONFIG]` of the ini; without `input_format` convolutions take 8 bits."""
    ini = _ini(path)
    section = ini["CONV_CONFIG"] if ini.has_section("CONV_CONFIG") else {}
    wanted = section.get("input_format", "ALL_UINT8").strip("\"'; ")
    arrays = section.get("tensor_arrays", "").strip("\"'; ")
    return QuantSettings(
        conv_bits=16 if wanted == "ALL_INT16" else 8,
        int16_inputs=tuple(name for name in arrays.split(",") if name),
    )


main()
