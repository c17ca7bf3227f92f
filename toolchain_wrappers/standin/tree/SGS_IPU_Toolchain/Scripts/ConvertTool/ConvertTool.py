"""ONNX -> float.sim, with the vendor's options and words."""

from __future__ import annotations

import argparse
import configparser
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import console

from board_runner.graph import Graph
from board_runner.quant.float_sim import write_float


def main() -> None:
    """`ConvertTool.py onnx --model_file M --input_config INI --output_file F --soc_version CHIP`."""
    console.require_environment()
    parser = argparse.ArgumentParser()
    parser.add_argument("framework", choices=["onnx"])
    parser.add_argument("--model_file", required=True, type=Path)
    parser.add_argument("--input_config", required=True, type=Path)
    parser.add_argument("--output_file", required=True, type=Path)
    console.chip_argument(parser)
    parser.add_argument("--input_shapes")
    args = parser.parse_args()
    if not args.model_file.is_file():
        raise NameError(f"{console.RED}Input graph file {args.model_file} does not exist!{console.PLAIN}")
    if not args.input_config.is_file():
        raise FileNotFoundError(f"{console.RED}input_config.ini file not found.{console.PLAIN}")
    check_names(args.model_file, args.input_config)
    write_float(args.model_file, args.output_file)
    debug = args.output_file.with_name(f"Debug_{args.output_file.name}")
    refined = args.output_file.with_name(f"{args.model_file.stem}_refine.onnx")
    for path, source in ((debug, args.output_file), (refined, args.model_file)):
        shutil.copyfile(source, path)  # left where the tool ran, as the vendor's are
    print(f"\nDebug model at: {debug.resolve()}\n", flush=True)
    print(f"\nFloat model at: {args.output_file.resolve()}\n", flush=True)


def check_names(model: Path, ini: Path) -> None:
    """The ini must name the graph's inputs and outputs."""
    settings = configparser.ConfigParser(inline_comment_prefixes=("#",))
    settings.read(ini)
    graph = Graph.load(model)
    for section, key, specs in (
        ("INPUT_CONFIG", "inputs", graph.inputs),
        ("OUTPUT_CONFIG", "outputs", graph.outputs),
    ):
        named = [name.strip() for name in settings[section][key].rstrip("; ").split(",")]
        if named != [spec.name for spec in specs]:
            raise ValueError(f"{console.RED}{key} of {ini}: {named}, the graph has {specs}{console.PLAIN}")


main()
