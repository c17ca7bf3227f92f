"""The models this project knows, as facts: sizes, contract, metric, stages, licences. Builds no network.

What a model expects and is measured by is asked of its module; the rest stands in `configs/models/<name>.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from board_runner import models
from board_runner.contract import InputContract
from deployer import resources
from deployer.errors import ConfigError
from deployer.settings import yaml_source

STAGES = ("torch", "onnx", "float", "fixed", "offline", "board")
"""In the order of the chain, as `deploy compare-sim` names them."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A network of one size.

    `parameters` are trained values; `multiplications` are multiply-accumulates, None where they depend on the
    clip; `classes` is None for a network without classes.
    """

    name: str
    parameters: int
    multiplications: int | None = None
    classes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """Where trained weights are published, the licence stated there, and which file of ours maps their names.

    `tried` says whether that mapping ever met real upstream weights; empty where no mapping is needed.
    """

    source: str
    licence: str
    names: str = ""
    tried: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """One model: `counted_on` is the input of the multiplications, `lacks` why a stage is not among `stages`."""

    name: str
    title: str
    contract: InputContract
    metric: str
    stages: tuple[str, ...]
    lacks: str
    counted_on: str
    variants: tuple[Variant, ...]
    upstream: tuple[Upstream, ...]

    def as_data(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def every() -> list[ModelFacts]:
    """All models by name; raises ConfigError as `of`."""
    return [of(name) for name in models.NAMES]


def of(name: str) -> ModelFacts:
    """One model; raises UsageError for one we do not have, ConfigError where its file lacks a fact."""
    module = models.get(name)
    path = resources.configs_dir() / "models" / f"{name}.yaml"
    facts = yaml_source.read(path).data
    try:
        return ModelFacts(
            name=name,
            title=str(facts["title"]),
            contract=module.contract(),
            metric=module.METRIC,
            stages=_stages(facts["stages"]),
            lacks=str(facts.get("lacks", "")),
            counted_on=str(facts["counted_on"]),
            variants=tuple(Variant(name=key, **sizes) for key, sizes in facts["variants"].items()),
            upstream=tuple(_upstream(entry) for entry in facts["upstream"]),
        )
    except KeyError as e:
        raise ConfigError(f"{path}: no key {e}", hint="docs/models.md says what a model's file holds") from e
    except (TypeError, AttributeError, ValueError) as e:
        raise ConfigError(f"{path}: {e}", hint="docs/models.md says what a model's file holds") from e


def _stages(found: list[str]) -> tuple[str, ...]:
    unknown = [stage for stage in found if stage not in STAGES]
    if unknown:
        raise ValueError(f"no stage {unknown[0]!r}; stages: {', '.join(STAGES)}")
    return tuple(found)


def _upstream(entry: Mapping[str, str]) -> Upstream:
    names = entry.get("names", "")
    return Upstream(
        source=entry["source"], licence=entry["licence"], names=names, tried=_tried(names) if names else ""
    )


def _tried(names: str) -> str:
    path: Path = resources.configs_dir() / "weights" / f"{names}.yaml"
    return str(yaml_source.read(path).data["tried"])
