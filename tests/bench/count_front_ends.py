"""Count the ARM instructions that the front ends of the C runtime take for a clip.

`PYTHONPATH=. python tests/bench/count_front_ends.py`. As `count_native.py` counts, with `prog_sed_eat` over one wav
and over three of the same length: half the difference is reading a wav, its features, and a random scorer of 7
classes.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from board_runner import native
from deployer.events import ignore
from deployer.prepare import prepare
from tests.bench.count_native import EMULATORS, PLUGIN
from tests.native import scorers
from tests.native.build import COMPILERS, missing
from tests.native.conftest import CLIPS

KINDS = ("mfcc", "log-mel", "log-mel of the port", "speaker")


def main() -> int:
    """Both processors, every front end as shipped; 2 where a program is missing."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    if lacks := missing(["make", "cc", *COMPILERS.values(), *EMULATORS.values()]):
        print(f"needs {lacks}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", PLUGIN, "-o", folder / "count.so"], check=True)
        for kind in KINDS:
            contract = scorers.CONTRACTS[kind]
            scorers.write_image(folder, contract, f"{kind}.img")
            for count in (1, 3):
                prepare(CLIPS[:count], folder / kind / str(count), contract, emit=ignore)
        for machine, compiler in COMPILERS.items():
            out = folder / machine
            make = ["make", "-s", "-j2", "-C", str(native.ROOT), f"OUT={out}", f"CC={compiler}"]
            subprocess.run([*make, str(out / "prog_sed_eat")], check=True)
            for kind in KINDS:
                one, three = (_count(folder, machine, kind, count) for count in (1, 3))
                print(f"{machine:8} {kind:20} {(three - one) / 2e6:8.2f} million", flush=True)
    return 0


def _count(folder: Path, machine: str, kind: str, wavs: int) -> int:
    program, image, given = (
        folder / machine / "prog_sed_eat",
        folder / f"{kind}.img",
        folder / kind / str(wavs),
    )
    words: list[str | Path] = [EMULATORS[machine], "-plugin", folder / "count.so", "-d", "plugin"]
    words += [program, "-i", given, "-m", image]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(re.findall(r"executed (\d+)", done.stderr + done.stdout)[0])


if __name__ == "__main__":
    sys.exit(main())
