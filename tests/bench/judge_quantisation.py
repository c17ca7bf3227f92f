"""Judge quantisation on folders of prepared wavs: one calibrates, one judges. Exit status 1 if a judgement fails.

    PYTHONPATH=. python tests/bench/judge_quantisation.py --calibration CALIBRATION --clips CLIPS

Names as ESC-50 has them (FOLD-CLIP-TAKE-CLASS) give the accuracy as well.
"""
# ruff: noqa: E402 - the BLAS library reads its thread count once, when numpy is imported

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import board_runner
from board_runner import audio
from board_runner.contract import Array, Tensors
from board_runner.models import eat
from board_runner.quant.settings import QuantSettings
from deployer.prepare import target_of
from deployer.tuning.candidates import ranked
from tests.quant.judging import Judge, Scored

DATA = Path(board_runner.__file__).parent / "data"


def main() -> int:
    """A row a form, flips by name, then the judgements."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calibration", type=Path, default=DATA / "clips")
    parser.add_argument("--clips", type=Path, default=DATA / "clips")
    parser.add_argument("--mixed", type=int, default=24, help="inputs in 16 bits in the mixed form, by rank")
    args = parser.parse_args()
    wavs = sorted(args.clips.glob("*.wav"))
    calibration = [_input(path) for path in sorted(args.calibration.glob("*.wav"))]
    judge = Judge(DATA / "eat.onnx", calibration, [_input(path) for path in wavs])
    print(f"calibrated on {len(calibration)} clips, judged on {len(wavs)}")
    scored = _forms(judge, args.mixed)
    _table(scored, judge.reference, wavs)
    return _judgements(scored, len(wavs), judge.reference, [target_of(path.name) for path in wavs])


def _forms(judge: Judge, mixed: int) -> dict[str, Scored]:
    order = tuple(site.name for site in ranked(judge.sites)[:mixed])
    ours = {
        "L1, 8 bit": QuantSettings(level="L1"),
        "L2, 8 bit": QuantSettings(level="L2"),
        "L3, 8 bit": QuantSettings(level="L3"),
        "L5": QuantSettings(level="L5"),
        "L5 -sth 0.001": QuantSettings(level="L5", sensitivity_threshold=0.001),
        f"L3 +{mixed}": QuantSettings(level="L3", int16_inputs=order),
        "16 bit": QuantSettings(conv_bits=16),
    }
    scored = {name: judge.ours(settings) for name, settings in ours.items()}
    scored["ORT, 8 bit"] = judge.theirs("conv8")
    scored["ORT, 16 bit"] = judge.theirs("conv16")
    scored["ORT, its defaults"] = judge.theirs("defaults")
    return scored


def _input(path: Path) -> Tensors:
    contract = eat.contract()
    samples = audio.require(audio.read_wav(path), contract.sample_rate_hz)
    return next(iter(eat.chunks(samples, contract)))


def _table(scored: Mapping[str, Scored], reference: Array, wavs: Sequence[Path]) -> None:
    targets = [target_of(path.name) for path in wavs]
    print(
        f"{'form':18} {'SQNR dB':>8} {'median':>7} {'worst':>6} {'equal':>6} {'right':>6} {'weight bytes':>13}"
    )
    print(f"{'float':18} {'':>8} {'':>7} {'':>6} {'':>6} {_right(reference, targets):>6}")
    for name, form in scored.items():
        size = form.weight_bytes or ""
        print(
            f"{name:18} {form.sqnr_db:8.2f} {form.median_db:7.2f} {form.worst_db:6.1f} {form.equal:6} "
            f"{_right(form.logits, targets):>6} {size:>13}"
        )
    for name, form in scored.items():
        for i in map(int, np.flatnonzero(form.logits.argmax(1) != reference.argmax(1))):
            two = np.sort(reference[i])[-2:]
            print(f"flip, {name}: {wavs[i].name}, margin in float {two[1] - two[0]:.3f}")


def _right(logits: Array, targets: Sequence[int | None]) -> int:
    return sum(int(row.argmax()) == target for row, target in zip(logits, targets, strict=True))


def _judgements(
    scored: Mapping[str, Scored], clips: int, reference: Array, targets: Sequence[int | None]
) -> int:
    narrow = max(scored[f"{level}, 8 bit"].sqnr_db for level in ("L1", "L2", "L3"))
    wide = scored["16 bit"]
    checks = {
        "L3, 8 bit, not below ORT's minus 1 dB": scored["L3, 8 bit"].sqnr_db
        > scored["ORT, 8 bit"].sqnr_db - 1,
        "16 bit not below ORT's minus 1 dB": wide.sqnr_db > scored["ORT, 16 bit"].sqnr_db - 1,
    }
    for name in ("L5", next(n for n in scored if n.startswith("L3 +"))):
        share = scored[name].weight_bytes / wide.weight_bytes
        gain = scored[name].sqnr_db - narrow
        checks[f"{name}: {gain:.1f} dB above the best 8 bit, {share:.2f} of 16 bit's weight"] = (
            gain >= 8 and share <= 0.75
        )
    for name, form in scored.items():
        if not name.startswith("ORT"):
            lost = _right(reference, targets) - _right(form.logits, targets)
            few = clips - form.equal <= max(1, round(clips * 2 / 60))
            checks[f"{name}: {form.equal} of {clips} decisions equal, {lost:+d} net wrong"] = (
                few and lost <= 1
            )
    for text, holds in checks.items():
        print(f"{'holds' if holds else 'FAILS'}: {text}")
    return int(not all(checks.values()))


if __name__ == "__main__":
    sys.exit(main())
