"""Sweep an ECAPA-TDNN with random weights over batch sizes: float engine and ONNX Runtime, one thread each.

    python tests/bench/bench_ecapa.py [--network C512] [--rounds 3] [--samples 64] [--out DIR]

The network is exported as `deploy export` does it; needs the extra [export]. With --out the checkpoint folder and
the models stay there.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from deployer.export.onnx_export import export_model
from deployer.sweep.engines import EngineName
from deployer.sweep.measure import Plan, sweep

ENGINES: tuple[EngineName, ...] = ("float", "onnxruntime")


def checkpoint(name: str, folder: Path) -> Path:
    """A checkpoint folder of the network `name`, seeded; its statistics are those of noise."""
    import torch

    from deployer.export.ecapa import Ecapa
    from deployer.export.ecapa_shape import preset

    torch.manual_seed(0)
    network = Ecapa(preset(name)).train()
    with torch.no_grad():
        for _ in range(8):
            network(torch.randn(4, 80, 60))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "args.yml").write_text(f"network: {name}\n", encoding="utf-8")
    torch.save({"model_dict": network.state_dict()}, folder / "chkpnt.pt")
    return folder


def main() -> None:
    """A table an engine."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", default="C512", help="seed, C512 or C1024")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--out", type=Path, help="keep what is made")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.out or Path(scratch)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's notice of its successor
            report = export_model(checkpoint(asked.network, folder / "checkpoint"), folder, model="ecapa")
        print(f"{asked.network}: {report.parameters} parameters, {len(report.checks)} checks passed")
        for engine in ENGINES:
            made = sweep(
                report.simplified.path, Plan(samples=asked.samples, rounds=asked.rounds), engine=engine
            )
            print(f"\n{made.as_text()}")


if __name__ == "__main__":
    main()
