"""`make fuzz`: a million damaged `eat.img` files; each must be refused with a ModelError, or load and run.

The process may not grow by more than MAX_GROWTH_MIB of address space: a file that claims much memory must be
refused, not tried. The seed is printed, and a failing file is kept.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections import Counter
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from board_runner.errors import ModelError
from board_runner.integer import image
from board_runner.integer.engine import IntegerEngine
from tests.integer import mutations
from tests.integer.programs import every_op, every_plane_op, packed

MAX_GROWTH_MIB = 512
BATCH = 2000


def main() -> int:
    """Fuzz until `--files` were tried; 1 when one was not handled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    batches = [(args.seed + n, args.keep) for n in range(-(-args.files // BATCH))]
    seen: Counter[str] = Counter()
    with Pool(args.jobs, initializer=_limit) as pool:
        for done, result in enumerate(pool.imap_unordered(_batch, batches), start=1):
            seen.update(result)
            if sys.stderr.isatty() or done % 50 == 0 or done == len(batches):
                print(f"{done * BATCH} files: {dict(sorted(seen.items()))}", flush=True)
    return 1 if seen["failed"] else 0


def _limit() -> None:
    with Path("/proc/self/statm").open() as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (MAX_GROWTH_MIB << 20),) * 2)


def _batch(job: tuple[int, Path]) -> Counter[str]:
    seed, keep = job
    rng = random.Random(seed)
    whole = packed((every_op, every_plane_op)[seed % 2](seed % 16))
    seen: Counter[str] = Counter()
    for number in range(BATCH):
        mutate = rng.choice((*mutations.CHECKSUM_BREAKING, *(3 * mutations.RESEALED)))
        blob = mutate(whole, rng)
        try:
            seen[_outcome(blob)] += 1
        except Exception as e:  # whatever it is, it is what we look for
            seen["failed"] += 1
            keep.mkdir(exist_ok=True)
            (keep / f"{seed}_{number}.img").write_bytes(blob)
            print(f"{keep}/{seed}_{number}.img ({mutate.__name__}): {type(e).__name__}: {e}", flush=True)
    return seen


def _outcome(blob: bytes) -> str:
    try:
        loaded = image.unpack(blob)
        engine = IntegerEngine(loaded.program, plan=loaded.plan)
    except ModelError:
        return "refused"
    engine.run_raw({spec.name: np.zeros(spec.shape, np.float32) for spec in engine.inputs})
    return "ran"


if __name__ == "__main__":
    sys.exit(main())
