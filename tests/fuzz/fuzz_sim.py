"""`make fuzz`: damaged `*_float.sim` and `*_fixed.sim`; each must be refused with a ModelError, or load."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from board_runner import engine
from board_runner.errors import ModelError
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from tests.quant import small


def main() -> int:
    """Fuzz until `--files` were tried; 1 when one was not handled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        seen = run(Path(folder), args.files, args.seed, args.keep)
    print(f"{args.files} files: {dict(sorted(seen.items()))}")
    return 1 if seen["failed"] else 0


def run(folder: Path, files: int, seed: int, keep: Path) -> Counter[str]:
    """Count what became of every file; those that failed are kept."""
    write_float(small.save(folder / "m.onnx"), folder / "m_float.sim")
    write_fixed(folder / "m_float.sim", folder / "m_fixed.sim", samples=list(small.sounds(3)))
    whole = [(folder / name).read_bytes() for name in ("m_float.sim", "m_fixed.sim")]
    rng, seen, path = random.Random(seed), Counter[str](), folder / "damaged.sim"
    for number in range(files):
        blob = bytearray(rng.choice(whole))
        for _ in range(rng.randrange(1, 4)):
            blob[rng.randrange(len(blob))] = rng.randrange(256)
        if rng.random() < 0.1:
            del blob[rng.randrange(len(blob)) :]
        path.write_bytes(bytes(blob))
        try:
            engine.load(path)
            seen["loaded"] += 1
        except ModelError:
            seen["refused"] += 1
        except Exception as e:  # whatever it is, it is what we look for
            seen["failed"] += 1
            keep.mkdir(exist_ok=True)
            path.rename(keep / f"{seed}_{number}.sim")
            print(f"{keep}/{seed}_{number}.sim: {type(e).__name__}: {e}", flush=True)
    return seen


if __name__ == "__main__":
    sys.exit(main())
