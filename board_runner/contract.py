"""What a model expects at its inputs and gives at its outputs; travels inside every artefact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from board_runner.errors import ModelError

Array: TypeAlias = npt.NDArray[Any]
Tensors: TypeAlias = Mapping[str, Array]

METADATA_KEY = "sgs_deploy.contract"
"""ONNX metadata property under which `.onnx` and `.sim` files carry their contract."""

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """Name, numpy dtype name and shape of one graph input or output; a size of -1 may be any."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def check(self, value: Array) -> None:
        """Raise ModelError unless `value` has exactly this dtype, and this shape but for sizes of -1."""
        if not self._fits(value.shape) or value.dtype != np.dtype(self.dtype):
            raise ModelError(
                f"input {self.name!r} wants {self.dtype}{list(self.shape)}, "
                f"got {value.dtype}{list(value.shape)}"
            )

    def _fits(self, shape: tuple[int, ...]) -> bool:
        if -1 not in self.shape:
            return shape == self.shape
        return len(shape) == len(self.shape) and all(
            want in (-1, have) for want, have in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True, kw_only=True)
class InputContract:
    """How audio becomes the tensors of one model.

    `front_end` holds the parameters of the model's own front end (for EAT: `samples`, `peak`);
    the module `board_runner.models.<model>` knows what they mean.
    """

    model: str
    sample_rate_hz: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    front_end: Mapping[str, float | int | str] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of JSON with sorted keys: the same contract is the same bytes."""
        return json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> InputContract:
        """Read what `to_json` wrote.

        Raises ModelError for another version or a damaged text.
        """
        try:
            fields = json.loads(text)
            version = fields.pop("version")
            if version != VERSION:
                raise ModelError(f"input contract of version {version}; this runner reads {VERSION}")
            for key in ("inputs", "outputs"):
                fields[key] = tuple(
                    TensorSpec(
                        name=str(spec["name"]),
                        dtype=np.dtype(spec["dtype"]).name,
                        shape=tuple(int(size) for size in spec["shape"]),
                    )
                    for spec in fields[key]
                )
            return cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as e:
            raise ModelError(f"damaged input contract: {e}") from e
