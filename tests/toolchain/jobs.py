"""Conversions of the shipped model by a stand-in tree of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from board_runner import models
from board_runner.graph import Graph
from deployer import resources
from deployer.conversion.job import ConvertJob
from toolchain_wrappers import standin
from toolchain_wrappers.sigmastar import profile
from toolchain_wrappers.sigmastar.commands import Tree
from toolchain_wrappers.sigmastar.tools import Tools
from toolchain_wrappers.standin.variants import Variant

CLIPS = sorted((resources.data_dir() / "clips").glob("*.wav"))[:2]
PUBLISHED = Variant()


def make(
    folder: Path,
    variant: Variant = PUBLISHED,
    *,
    name: str = "tool chain",  # a blank in the path is no hindrance
    changes: Mapping[str, Any] | None = None,
) -> ConvertJob:
    """A job over a tree below `folder`, and a store beside it; `changes` go over the variant's profile."""
    made = standin.make(folder / name, variant)
    onnx = resources.data_dir() / "eat.onnx"
    contract = Graph.load(onnx).contract
    assert contract is not None
    return ConvertJob(
        tools=Tools(
            tree=Tree(models_dir=made.models_dir, tools_dir=made.tools_dir, algorithm="sed/eat"),
            profile=profile.load(
                resources.configs_dir() / "toolchains", {**variant.profile(), **(changes or {})}
            ),
        ),
        onnx=onnx,
        contract=contract,
        model=models.get("eat"),
        chip="pcupid",
        calibration=CLIPS,
        conv_format="ALL_UINT8",
        store=folder / "store",
        stall_timeout_s=60.0,
    )


def written(job: ConvertJob) -> set[Path]:
    """Every file of the tree and the store: to see that nothing was written."""
    folders = (job.tree.models_dir, job.tree.tools_dir, job.store)
    return {path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts}
