"""The stand-in's atc, AIE compile script and AIE run script; they print and fail the way the vendor's do."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from toolchain_wrappers.ascend import WARM_UP_BATCHES
from toolchain_wrappers.standin.ascend import CHIPS, DEVICES, LENIENT, MAGIC, Compiled, compiled

FAILED = "ATC run failed, Please check the detail log, Try 'atc --help' for more information"


class AtcError(Exception):
    """What atc prints below its line of failure: a code and a text."""


def atc() -> NoReturn:
    """`atc --framework=5 --model=ONNX --output=STEM --input_shape=NAME:N,... --soc_version=CHIP`."""
    print("ATC start working now, please wait for a moment.", flush=True)
    try:
        _require_environment()
        _atc(sys.argv[1:])
    except (AtcError, ModelError) as e:
        print(FAILED)
        print(e if isinstance(e, AtcError) else f"E19999: {e}")
        _leave(255)
    print("ATC run success, welcome to the next use.")
    _leave(0)


def compile_model() -> NoReturn:
    """`export_torch_aie_ts.py --torch_script_path=MODEL --soc_version=CHIP --batch_size=N --save_path=DIR`.

    Reads ONNX where the vendor's reads TorchScript; the shape is the model's, with the batch put in.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--torch_script_path", type=Path, default=Path("ecapa_tdnn.torchscript.pt"))
    parser.add_argument("--soc_version", default="Ascend310P3")
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--save_path", type=Path, default=Path())
    args = parser.parse_args()

    def work() -> None:
        source: Path = args.torch_script_path
        made = _for_batch(source, args.batch_size, args.soc_version)
        name = f"{source.name.split('.')[0]}_torch_aie_bs{args.batch_size}{source.suffix}"
        made.save(args.save_path / name)
        print("torch aie stand-in compiled done. saved model is ", args.save_path / name)

    _python(work)


def run_model() -> NoReturn:
    """`pt_val.py --data_path=DIR --soc_version=CHIP --model=MODEL [--need_compile] --batch_size=N --device_id=N`.

    DIR holds a `.npy` a sample, of the model's input without its batch axis. Below `result/output_bsN/` of
    the working directory it writes the first output of every sample, raw.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_path", type=Path, default=Path("VoxCeleb1"))
    parser.add_argument("--soc_version", default="Ascend310P3")
    parser.add_argument("--model", type=Path, default=Path("ecapa_tdnn_torch_aie_bs1.pt"))
    parser.add_argument("--need_compile", action="store_true")
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--device_id", type=int, default=0)
    args = parser.parse_args()
    _python(lambda: _run(args))


def _atc(words: list[str]) -> None:
    given = dict(word.removeprefix("--").partition("=")[::2] for word in words)
    for name in ("model", "framework", "output", "soc_version", "input_shape"):
        if not given.get(name):
            raise AtcError(f"E10004: Value for [--{name}] is empty.")
    if given["framework"] != "5":
        raise AtcError("E10007: [--framework] is required. The value must be [5(Onnx)].")
    if given["soc_version"] not in CHIPS:
        raise AtcError(f"E10001: Value [{given['soc_version']}] for parameter [--soc_version] is invalid.")
    if not (model := Path(given["model"])).is_file():
        raise AtcError(f"E10416: File [{model}] does not exist. [--model]")
    name, _, sizes = given["input_shape"].rpartition(":")
    try:
        shape = tuple(int(size) for size in sizes.split(","))
    except ValueError:
        raise AtcError(f"E10002: Value [{given['input_shape']}] for [--input_shape] is invalid.") from None
    graph = Graph.load(model)
    if name not in {spec.name for spec in graph.inputs}:
        raise AtcError(f"E10016: Opname [{name}] specified in [--input_shape] is not found in the model.")
    FloatEngine(graph)  # an operator that is not known is found now, not on the device
    compiled(graph, shape=shape, soc_version=given["soc_version"]).save(Path(given["output"] + ".om"))


def _for_batch(path: Path, batch: int, soc_version: str) -> Compiled:
    if soc_version not in CHIPS:
        raise RuntimeError(f"soc_version {soc_version!r} is not supported")
    graph = Graph.load(path)
    FloatEngine(graph)
    return compiled(graph, shape=(batch, *graph.inputs[0].shape[1:]), soc_version=soc_version)


def _run(args: argparse.Namespace) -> None:
    if not 0 <= args.device_id < DEVICES:
        raise RuntimeError(f"invalid device id {args.device_id}, this host has {DEVICES}")
    if args.need_compile:
        model = _for_batch(args.model, args.batch_size, args.soc_version)
    elif args.model.is_file() and not args.model.read_bytes().startswith(MAGIC):
        raise RuntimeError(f"{args.model} is not compiled, and --need_compile is not given")
    else:
        model = Compiled.load(args.model)
    if model.batch != args.batch_size:
        raise RuntimeError(f"{args.model} is compiled for batch {model.batch}, not {args.batch_size}")
    if model.soc_version != args.soc_version:
        raise RuntimeError(f"{args.model} is compiled for {model.soc_version}, this is {args.soc_version}")
    engine = FloatEngine(model.graph())
    folder = Path("result") / f"output_bs{args.batch_size}"
    folder.mkdir(parents=True, exist_ok=True)
    times_s = []
    for number, batch in enumerate(_batches(args.data_path, model)):
        start = time.perf_counter()
        outputs = engine.run({engine.inputs[0].name: batch})
        if number >= WARM_UP_BATCHES:
            times_s.append(time.perf_counter() - start)
        for index, row in enumerate(outputs[engine.outputs[0].name]):
            row.tofile(folder / f"mels{number * args.batch_size + index + 1}_0.bin")
    sample_ms = sum(times_s) / len(times_s) / args.batch_size * 1000
    print("性能(毫秒)：", sample_ms)
    print("throughput(fps): ", 1000 / sample_ms)


def _batches(folder: Path, model: Compiled) -> Iterator[Array]:
    """Whole batches in the order of names, the last one dropped where it is not full, with a bar on stderr."""
    if not folder.is_dir():
        raise FileNotFoundError(f"No such directory: {folder}")
    files = sorted(folder.glob("*.npy"))
    count = len(files) // model.batch
    print("Len. wav_files_test", len(files), flush=True)
    for number in range(count):
        chosen = files[number * model.batch : (number + 1) * model.batch]
        batch = np.stack([np.load(path, allow_pickle=False) for path in chosen]).astype(np.float32)
        if batch.shape != model.input_shape:
            raise RuntimeError(f"input is {list(batch.shape)}, the model takes {list(model.input_shape)}")
        yield batch
        done = number + 1
        print(
            f"\r{100 * done // count:3d}%|{'#' * (10 * done // count):10}| {done}/{count}",
            end="",
            file=sys.stderr,
        )
    print(file=sys.stderr, flush=True)


def _require_environment() -> None:
    if not os.environ.get("ASCEND_TOOLKIT_HOME"):
        print(
            "atc.bin: error while loading shared libraries: libascend_hal.so: cannot open shared object file"
        )
        _leave(127)


def _python(work: Callable[[], None]) -> NoReturn:
    """Run a script's body as Python does: a traceback and exit status 1 for any error."""
    _require_environment()
    try:
        work()
    except Exception:  # what escapes from a script is printed whole, whatever it is
        traceback.print_exc()
        _leave(1)
    _leave(0)


def _leave(status: int) -> NoReturn:
    sys.stdout.flush()
    raise SystemExit(0 if os.environ.get(LENIENT) else status)
