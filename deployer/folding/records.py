"""What a folding did, and what it left."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.folding.arithmetic import Layout

SUFFIX = "_bnfused"
"""What the name of a folded file ends with."""

MARK = "sgs_deploy.folded"
"""ONNX metadata property, and key of a PyTorch checkpoint, that says which normalisations were folded."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One batch normalisation that went into a layer; all but the first three are names of tensors, or how.

    A tensor that is not there is "": a layer without bias, a normalisation without scale (then 1) or shift (0).
    `before` says that the normalisation stood before the layer, not after it.
    """

    norm: str
    layer: str
    op_type: str
    weight: str
    bias: str
    scale: str
    shift: str
    mean: str
    variance: str
    epsilon: float
    layout: Layout
    groups: int = 1
    before: bool = False

    @property
    def told(self) -> str:
        """`bn1 into Conv conv1`."""
        return f"{self.norm} into {self.op_type} {self.layer}" + (" after it" if self.before else "")


@dataclass(frozen=True, kw_only=True)
class Left:
    """One batch normalisation that stays, and why."""

    norm: str
    reason: str
