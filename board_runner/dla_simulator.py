"""The board's twin of simulator.py: `prog_dla_dla_simulator -i IN.bin -m eat.img -f RAWDATA_NHWC`.

It runs an `eat.img` of ours on exact input bytes and writes every output tensor to
`./output/unknown_MODEL_INPUT.txt`, in the form and with the console lines of the vendor's program. As there, the
exit status is 0 also after an error: what counts is the line `Done!` and the file. Two things differ, for the
better: an input of another size is refused (the vendor's takes what it gets), and of `./output` only the file
that is about to be written is removed (the vendor's empties the folder).

`All outputs XOR`: the bytes of all raw outputs (int16 levels, little-endian, row by row) one output after
another; byte k is combined by exclusive or into byte k mod 4 of a little-endian 32-bit word. k runs on from one
output to the next.
"""

from __future__ import annotations

import getopt
import io
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from board_runner import protocol
from board_runner.contract import Array, TensorSpec
from board_runner.errors import DeployError, InputError, ModelError
from board_runner.integer import container
from board_runner.integer.engine import OfflineEngine
from board_runner.prog_sed_eat import kernel_log

NAME = "prog_dla_dla_simulator"
FORMATS = ("RAWDATA_NHWC", "DUMP_RAWDATA")
USAGE = f"""Usage: ./{NAME} [-i] [-m] ([-c] [-f])
 -h, --help      show this help message and exit
 -i, --images    path to an input file or a folder of them; for several inputs a file each, with commas
 -m, --model     path to model file
 -c, --category  indicate model category (Default is Unknown):
                 Unknown
 -f, --training_formats, --format
                 how the input files are written:
                 RAWDATA_NHWC / DUMP_RAWDATA"""

_VALUES_A_LINE = 16


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status, 0 for almost everything, as the vendor's program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")  # file names are bytes; print them as they came
    long_options = ["help", "images=", "model=", "category=", "training_formats=", "format="]
    try:
        options, _ = getopt.gnu_getopt(
            list(sys.argv[1:] if argv is None else argv), "hi:m:c:f:", long_options
        )
    except getopt.GetoptError as e:
        _complain(f"{NAME}: {e}")
        _out(USAGE)
        return 0
    chosen = {"t" if name == "--format" else name.lstrip("-")[0]: value for name, value in options}
    formats = (chosen.get("f") or chosen.get("t") or FORMATS[0]).replace(",", " ").split()
    if "h" in chosen or not chosen.get("i") or not chosen.get("m"):
        _out(USAGE)
        return 0
    if chosen.get("c", "Unknown") != "Unknown":
        _out("model category only support `Unknown`")
        return 0
    if not set(formats) <= set(FORMATS):
        _out(f"model training input format only support `{' / '.join(FORMATS)}`")
        return 0
    try:
        with kernel_log():
            simulate(chosen["i"], Path(chosen["m"]), formats)
    except InputError as e:
        _complain(str(e))
        return 1
    except OSError as e:
        _complain(f"{NAME}: {e}")
        return 1
    except DeployError as e:
        _complain(str(e))
    return 0


def simulate(inputs: str, model_path: Path, formats: Sequence[str]) -> None:
    """Run the model on every input and write `./output`, printing as it goes.

    Raises InputError and ModelError in the vendor's words.
    """
    rows = samples(inputs)
    model = _load(model_path)
    for line in model_info(model):
        _out(line)
    if any(len(row) != len(model.inputs) for row in rows) or len(formats) != len(model.inputs):
        raise ModelError(
            "Size of format list, size of image list and num of model inputs should be same! "
            "Pls check demo command!"
        )
    Path("output").mkdir(exist_ok=True)
    for number, row in enumerate(rows, start=1):
        target = Path("output") / f"unknown_{model_path.name}_{row[0].name}.txt"
        target.unlink(missing_ok=True)
        tensors = {
            spec.name: read_input(path, spec, kind)
            for spec, path, kind in zip(model.inputs, row, formats, strict=True)
        }
        started = time.perf_counter()
        raw = model.run_raw(tensors)
        spent_ms = 1000 * (time.perf_counter() - started)
        _out(f"{number} / {len(rows)}\t{spent_ms:g} ms")
        _out(f"All outputs XOR = 0x{fingerprint(raw.values()):08x}")
        text = "".join(dump(name, levels, model.output_scales[name]) for name, levels in raw.items())
        target.write_text(text, encoding="utf-8")
    _out("Done! Results in `output` folder.")


def fingerprint(outputs: Iterable[Array]) -> int:
    """`All outputs XOR` of raw outputs in the model's order; see the module's text."""
    data = b"".join(value.astype(value.dtype.newbyteorder("<"), order="C").tobytes() for value in outputs)
    words = np.frombuffer(data + bytes(-len(data) % 4), "<u4")
    return int(np.bitwise_xor.reduce(words, initial=np.uint32(0)))


def dump(name: str, levels: Array, scale: np.float32) -> str:
    """One output as text: float32 levels times scale, six decimals; TAB after the comma, blank before `]`."""
    shape = "".join(f"{size} " for size in levels.shape)
    words = [f"{value:.6f}  " for value in (levels.astype(np.float32) * scale).ravel().tolist()]
    lines = ["".join(words[at : at + _VALUES_A_LINE]) for at in range(0, len(words), _VALUES_A_LINE)]
    head = f"{name} Tensor:\n{{\ntensor dim:{levels.ndim},\tOriginal shape:[{shape}]\ntensor data:\n"
    return head + "\n".join(lines) + "\n}\n\n"


def model_info(model: OfflineEngine) -> Iterator[str]:
    """The blocks `Input(0):` and `Output(0):`."""
    for index, spec in enumerate(model.inputs):
        yield from _tensor_info("Input", index, spec.name, spec.dtype, spec.shape)
    for index, (name, value) in enumerate(model.program.outputs):
        given = model.program.values[value]
        yield from _tensor_info("Output", index, name, given.dtype, given.shape)
        yield f"    quantization:\t({model.output_scales[name]:g}, {given.zero})"


def samples(inputs: str) -> list[list[Path]]:
    """The rows of input files that `-i` names: one row of several, or a row a file of a folder."""
    columns = []
    for word in inputs.replace(",", " ").split():
        path = Path(word)
        found = sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
        columns.append(found)
    if not columns or not all(columns):
        raise InputError(f"Error! Can not read picture: {inputs}")
    if len(columns) == 1:
        return [[path] for path in columns[0]]
    if any(len(column) != 1 for column in columns):
        raise ModelError("Wrong image numbers! For multi-input models, only support one image each input!")
    return [[column[0] for column in columns]]


def read_input(path: Path, spec: TensorSpec, kind: str) -> Array:
    """An input tensor from raw bytes: `RAWDATA_NHWC` is float32 for any model, `DUMP_RAWDATA` the input's type.

    Raises InputError for a file that cannot be read or is not exactly of the tensor's size.
    """
    dtype = np.dtype("<f4") if kind == "RAWDATA_NHWC" else np.dtype(spec.dtype).newbyteorder("<")
    wanted_bytes = math.prod(spec.shape) * dtype.itemsize
    try:
        content = path.read_bytes()
    except OSError as e:
        raise InputError(f"Error! Can not read picture: {path} ({e.strerror or e})") from e
    if len(content) != wanted_bytes:
        raise InputError(
            f"Error! Can not read picture: {path} has {len(content)} bytes, "
            f"input {spec.name} takes {wanted_bytes}"
        )
    given = np.frombuffer(content, dtype).reshape(spec.shape)
    value = given.astype(np.dtype(spec.dtype))
    if dtype.kind == "f" and value.dtype.kind != "f" and not np.array_equal(value, given):
        raise InputError(f"Error! Can not read picture: {path} holds values that {spec.dtype} does not")
    return value


def _load(path: Path) -> OfflineEngine:
    code = protocol.FILE_OPERATION if not path.is_file() else protocol.INVALID_MODEL_BUFFER
    failed = f"Get model variable buffer size failed! Error Code: {code}"
    if not path.is_file() or not container.is_image(path):
        raise ModelError(failed)
    try:
        return OfflineEngine.load(path)
    except ModelError as e:
        raise ModelError(f"{failed} ({e})") from e


def _tensor_info(kind: str, index: int, name: str, dtype: str, shape: tuple[int, ...]) -> Iterator[str]:
    yield f"{kind}({index}):"
    yield f"    name:\t{name}"
    yield f"    dtype:\t{dtype.upper()}"
    yield f"    shape:\t{list(shape)}"
    yield f"    size:\t{math.prod(shape) * np.dtype(dtype).itemsize}"


def _complain(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _out(line: str) -> None:
    # Line by line, so that a run cut at its deadline leaves what it got to.
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
