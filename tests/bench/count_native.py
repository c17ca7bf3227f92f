"""Count the ARM instructions that an inference of the shipped model takes in the C runtime.

`PYTHONPATH=. python tests/bench/count_native.py`. QEMU's user-mode emulator (the dynamic one of package
`qemu-user`, which loads plugins) runs `dla_simulator` over one input and over three; half the difference is
what one input takes: reading it, every instruction of the image, and writing the output. Counts do not depend
on the machine or its load; cycles on a real core do depend on its caches and pipelines, and are not claimed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from board_runner import native
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from board_runner.quant.settings import QuantSettings
from tests.native.build import COMPILERS, missing
from tests.native.conftest import CLIPS, DATA, clip_input

EMULATORS = {"aarch64": "qemu-aarch64", "armhf": "qemu-arm"}
PLUGIN = Path(__file__).parent.parent / "native" / "count.c"


def main() -> int:
    """Both processors, both precisions, with and without NEON; 2 where a program is missing."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    if lacks := missing(["make", "cc", *COMPILERS.values(), *EMULATORS.values()]):
        print(f"needs {lacks}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = _images(folder)
        plugin = folder / "count.so"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", PLUGIN, "-o", plugin], check=True)
        for machine, compiler in COMPILERS.items():
            out = folder / machine
            make = ["make", "-s", "-j2", "-C", str(native.ROOT), "all", f"OUT={out}", f"CC={compiler}"]
            subprocess.run(make, check=True)
            for kind, image in images.items():
                for kernels in ("neon", "portable"):
                    counts = [_count(folder, machine, image, kernels, inputs) for inputs in (1, 3)]
                    print(
                        f"{machine:8} {kind:7} {kernels:9} {(counts[1] - counts[0]) / 2e6:8.1f} million",
                        flush=True,
                    )
    return 0


def _images(folder: Path) -> dict[str, Path]:
    inputs = [clip_input(path) for path in CLIPS[:3]]
    for count in (1, 3):
        (folder / f"in{count}").mkdir()
        for number, clip in enumerate(inputs[:count]):
            np.asarray(next(iter(clip.values())), "<f4").tofile(folder / f"in{count}" / f"{number}.bin")
    write_float(DATA / "eat.onnx", folder / "float.sim")
    made = {}
    for kind, settings in {"8-bit": QuantSettings(), "16-bit": QuantSettings(conv_bits=16)}.items():
        write_fixed(folder / "float.sim", folder / "fixed.sim", samples=inputs, settings=settings)
        made[kind] = folder / f"{kind}.img"
        write_image(folder / "fixed.sim", made[kind], chip="pcupid")
    return made


def _count(folder: Path, machine: str, image: Path, kernels: str, inputs: int) -> int:
    done = subprocess.run(
        [EMULATORS[machine], "-plugin", folder / "count.so", "-d", "plugin", "-E", f"SGS_KERNELS={kernels}",
         folder / machine / "dla_simulator", "-i", folder / f"in{inputs}", "-m", image],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(re.findall(r"executed (\d+)", done.stderr + done.stdout)[0])


if __name__ == "__main__":
    sys.exit(main())
