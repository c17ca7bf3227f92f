"""`make soak CLIPS=DIR`: the integer model over a folder of clips, the long way.

Every clip goes through `fixed`, `offline` and, with `--exact`, the realisation in integers alone: all must give the
same int16. Decisions are held against the float model's and, where file names follow ESC-50
(`FOLD-ID-TAKE-CLASS`), against the truth; flips are listed. `--calibrate N` calibrates on the first N clips of the
folds that are not judged, else on the ten shipped clips.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr

import board_runner
from board_runner import engine
from board_runner.contract import Array, Tensors
from board_runner.float_engine import FloatEngine
from board_runner.integer import exact, image
from board_runner.integer.engine import IntegerEngine
from board_runner.models import eat
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from board_runner.quant.settings import QuantSettings

DATA = Path(board_runner.__file__).parent / "data"
SUFFIXES = {".wav", ".ogg", ".flac"}


def main() -> int:
    """Judge every clip of the fold; 1 where two integer engines differ or the decisions are too far apart."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fold", help="judge the clips whose name begins with this; else all")
    parser.add_argument("--calibrate", type=int, default=0)
    parser.add_argument("--bits", type=int, choices=(8, 16), default=8)
    parser.add_argument("--exact", action="store_true")
    args = parser.parse_args()
    clips = sorted(path for path in args.folder.iterdir() if path.suffix.lower() in SUFFIXES)
    judged = [path for path in clips if not args.fold or path.name.startswith(f"{args.fold}-")]
    others = [path for path in clips if path not in set(judged)]
    chosen = others[:: max(1, len(others) // args.calibrate)][: args.calibrate] if args.calibrate else []
    samples = [tensor(path) for path in chosen or sorted((DATA / "clips").glob("*.wav"))]
    print(f"calibrated on {len(samples)} clips, {args.bits}-bit convolutions; judged on {len(judged)}")
    with tempfile.TemporaryDirectory() as folder:
        paths = _convert(Path(folder), samples, args.bits)
        return _judge(paths, judged, exactly=args.exact)


def tensor(path: Path) -> Tensors:
    """A clip of any rate as the model's input."""
    data, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    contract = eat.contract()
    mono = data.mean(axis=1)
    if rate_hz != contract.sample_rate_hz:
        mono = soxr.resample(mono, rate_hz, contract.sample_rate_hz)
    levels = np.clip(np.rint(mono * 32768), -32768, 32767).astype(np.int16)
    return next(iter(eat.chunks(levels.astype(np.float32) / np.float32(32768), contract)))


def _convert(folder: Path, samples: Sequence[Tensors], bits: int) -> dict[str, Path]:
    paths = {stage: folder / f"eat_{stage}.sim" for stage in ("float", "fixed")}
    paths["offline"] = folder / "eat.img"
    write_float(DATA / "eat.onnx", paths["float"])
    settings = QuantSettings(conv_bits=16 if bits == 16 else 8)
    write_fixed(paths["float"], paths["fixed"], samples=samples, settings=settings)
    write_image(paths["fixed"], paths["offline"], chip="pcupid")
    return paths


def _judge(paths: dict[str, Path], clips: Sequence[Path], *, exactly: bool) -> int:
    reference = FloatEngine.load(paths["float"])
    engines = {stage: engine.load(paths[stage]) for stage in ("fixed", "offline")}
    if exactly:
        engines["exact"] = IntegerEngine(image.read(paths["offline"]).program, prepare=exact.prepare)
    unequal, wanted, given, truth = [], [], [], []
    signal = noise = 0.0
    for path, inputs in _inputs(clips):
        logits = reference.run(inputs)["output"].ravel()
        results = {name: one.run(inputs)["output"].ravel() for name, one in engines.items()}
        if any(not np.array_equal(results["fixed"], other) for other in results.values()):
            unequal.append(path.name)
        fixed = results["fixed"]
        signal += float(np.square(logits.astype(np.float64)).sum())
        noise += float(np.square(logits.astype(np.float64) - fixed).sum())
        wanted.append(int(logits.argmax()))
        given.append(int(fixed.argmax()))
        truth.append(_target(path.stem))
        if wanted[-1] != given[-1]:
            margins = [_margin(scores) for scores in (logits, fixed)]
            print(
                f"flip {path.name}: float {wanted[-1]} ({margins[0]:.3f}), fixed {given[-1]} ({margins[1]:.3f})"
            )
    right = [sum(a == b for a, b in zip(answers, truth, strict=True)) for answers in (wanted, given)]
    equal = sum(a == b for a, b in zip(wanted, given, strict=True))
    print(f"integer engines ({', '.join(engines)}) differ on {len(unequal)} clips {unequal[:5]}")
    print(f"decisions equal on {equal} of {len(clips)}; right: float {right[0]}, fixed {right[1]}")
    print(f"SQNR of fixed against float {10 * np.log10(signal / noise):.1f} dB")
    return int(bool(unequal) or equal < len(clips) - max(2, len(clips) // 30))


def _inputs(clips: Sequence[Path]) -> Iterator[tuple[Path, Tensors]]:
    for path in clips:
        yield path, tensor(path)


def _margin(scores: Array) -> float:
    second, best = np.partition(scores, -2)[-2:]
    return float(best - second)


def _target(stem: str) -> int | None:
    parts = stem.split("-")
    return int(parts[3]) if len(parts) == 4 and parts[3].isdigit() else None


if __name__ == "__main__":
    sys.exit(main())
