"""Time the C runtime beside ONNX Runtime's quantised models of the shipped network, one thread, in one run.

`PYTHONPATH=. python tests/bench/bench_native.py [--rounds 5]`. Every round runs each side over all shipped clips;
medians count. 1 if the C runtime takes more than LIMIT times what ONNX Runtime takes in the same precision.
Where ncnn is installed it runs too (`ncnn_peer.py`), from `--ncnn MODEL.ncnn.param` or what pnnx converts.
"""
# ruff: noqa: E402 - the BLAS library reads its thread count once, when numpy is imported

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from board_runner import native
from board_runner.contract import Tensors
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from board_runner.quant.settings import QuantSettings
from tests.bench import ncnn_peer
from tests.native.conftest import CLIPS, DATA, clip_input
from tests.quant.ort_static import write_static

LIMIT = 2.0
PEERS = {"C 8-bit": "onnxruntime int8", "C 16-bit": "onnxruntime 16-bit convolutions"}
SCHEMES = {
    "onnxruntime int8": "defaults",
    "onnxruntime 8-bit convolutions, int16 else": "conv8",
    "onnxruntime 16-bit convolutions": "conv16",
}
KERNELS = ("", "avx2", "portable")

Side = Callable[[], list[float]]
"""All clips once; gives milliseconds."""


def main() -> int:
    """All sides, interleaved; 1 if a ratio of medians is above its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="threads of every runtime")
    parser.add_argument("--ncnn", type=Path, help="the shipped model as pnnx converts it, a .ncnn.param file")
    args = parser.parse_args()
    inputs = [clip_input(path) for path in CLIPS]
    with tempfile.TemporaryDirectory() as folder:
        sides = _ort_sides(Path(folder), inputs, args.threads)
        sides |= _ncnn_sides(Path(folder), inputs, args.threads, args.ncnn)
        sides |= _c_sides(Path(folder), inputs, args.threads)
        times: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(1 + args.rounds):
            for name, side in sides.items():
                times[name] += side() if number else side()[:0]  # the first round warms up
    return _report(times, args.threads)


def _report(times: dict[str, list[float]], threads: int) -> int:
    load, late = os.getloadavg()[0], False
    print(f"{threads} thread(s), load average {load:.1f} on {os.cpu_count()} cores, medians of all clips")
    median = {name: float(np.median(ms)) for name, ms in times.items()}
    for name, ms in times.items():
        peer = next((peer for start, peer in PEERS.items() if name.startswith(start)), "")
        ratio = f"   {median[name] / median[peer]:5.2f} times {peer}" if peer else ""
        print(f"  {name:46} min {min(ms):7.2f} ms   median {median[name]:7.2f} ms{ratio}")
        late |= name in PEERS and median[name] > LIMIT * median[peer]
    for name in [name for name in median if name.startswith("ncnn")]:
        ours = ", ".join(f"{peer} takes {median[peer] / median[name]:.2f}" for peer in PEERS)
        print(f"  of the time of {name}: {ours}")
    return int(late)


def _ort_sides(folder: Path, inputs: Sequence[Tensors], threads: int) -> dict[str, Side]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    paths = {"onnxruntime float": DATA / "eat.onnx"}
    for name, scheme in SCHEMES.items():
        paths[name] = folder / f"{scheme}.onnx"
        write_static(DATA / "eat.onnx", paths[name], inputs[:3], scheme)  # type: ignore[arg-type]  # one of three
    sides: dict[str, Side] = {}
    for name, path in paths.items():
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        sides[name] = lambda session=session: [_timed(session, clip) for clip in inputs]  # type: ignore[misc]
    return sides


def _timed(session: onnxruntime.InferenceSession, clip: Tensors) -> float:
    started = time.perf_counter()
    session.run(None, dict(clip))
    return 1e3 * (time.perf_counter() - started)


def _ncnn_sides(folder: Path, inputs: Sequence[Tensors], threads: int, param: Path | None) -> dict[str, Side]:
    session = onnxruntime.InferenceSession(str(DATA / "eat.onnx"), providers=["CPUExecutionProvider"])
    logits = np.concatenate([session.run(None, dict(clip))[0] for clip in inputs])
    try:
        ncnn_peer.require()
        shape = next(iter(inputs[0].values())).shape
        param = param or ncnn_peer.convert(DATA / "eat.onnx", folder, shape)
        found = ncnn_peer.peers(param, inputs, logits, threads)
    except ncnn_peer.NotTimed as reason:
        print(f"ncnn is left out: {reason}")
        return {}
    for peer in found:
        same = f"{peer.same_class} of {len(inputs)} classes the same"
        print(f"{peer.name}: logits within {peer.differs:.2g} of ONNX Runtime's, {same}")
    return {peer.name: peer.side for peer in found}


def _c_sides(folder: Path, inputs: Sequence[Tensors], threads: int) -> dict[str, Side]:
    subprocess.run(["make", "-s", "-j2", "-C", str(native.ROOT), "all", f"OUT={folder}"], check=True)
    write_float(DATA / "eat.onnx", folder / "float.sim")
    (folder / "clips").mkdir()
    for number, clip in enumerate(inputs):
        np.asarray(next(iter(clip.values())), "<f4").tofile(folder / "clips" / f"{number}.bin")
    sides: dict[str, Side] = {}
    for bits in (8, 16):
        fixed, made = folder / f"{bits}.sim", folder / f"{bits}.img"
        settings = QuantSettings(conv_bits=bits)
        write_fixed(folder / "float.sim", fixed, samples=inputs[:3], settings=settings)
        write_image(fixed, made, chip="pcupid")
        for kernels in KERNELS:
            name = f"C {bits}-bit {kernels}".rstrip()
            sides[name] = lambda made=made, k=kernels: _simulate(folder, made, k, threads)  # type: ignore[misc]
    return sides


def _simulate(folder: Path, image: Path, kernels: str, threads: int) -> list[float]:
    done = subprocess.run(
        [folder / "dla_simulator", "-i", folder / "clips", "-m", image],
        cwd=folder,
        env={"SGS_KERNELS": kernels, "SGS_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(ms) for ms in re.findall(r"\d+ / \d+\t([\d.e-]+) ms", done.stdout)]


if __name__ == "__main__":
    sys.exit(main())
