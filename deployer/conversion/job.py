"""What is to be converted, with what, into which folder of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from board_runner.contract import InputContract
from board_runner.models.base import AudioModel
from deployer import artifacts
from deployer.conversion import cfg_of, staging
from deployer.conversion.collect import Wanted
from toolchain_wrappers.sigmastar.cfg import Cfg, CfgModel
from toolchain_wrappers.sigmastar.commands import Tree
from toolchain_wrappers.sigmastar.input_config import ConvFormat, InputConfig
from toolchain_wrappers.sigmastar.tools import Tools

QuantLevel = Literal["L1", "L2", "L3", "L4", "L5"]


@dataclass(frozen=True, kw_only=True)
class Direct:
    """What convert.sh does not pass on: given, the tools are run one by one without it."""

    quant_level: QuantLevel | None = None
    quant_file: Path | None = None
    sensitivity: float | None = None

    def described(self) -> dict[str, str]:
        """For the manifest; a file by its content."""
        said = {"quant_level": self.quant_level, "sensitivity": self.sensitivity}
        given = {key: str(value) for key, value in said.items() if value is not None}
        return given | ({"quant_file": artifacts.sha256(self.quant_file)} if self.quant_file else {})


@dataclass(frozen=True, kw_only=True)
class Target:
    """One model for one chip: what convert.sh makes of one pair of its two lists.

    `model` is as the cfg has it, `onnx` what it is made of, `folder` where the artefacts go.
    """

    chip: str
    model: CfgModel
    onnx: Path
    folder: Path
    wanted: Wanted


@dataclass(frozen=True, kw_only=True)
class ConvertJob:
    """The project's model for its chip; with `base_cfg` also the other models and chips that this lists."""

    tools: Tools
    onnx: Path
    contract: InputContract
    model: AudioModel
    chip: str
    calibration: Sequence[Path]
    conv_format: ConvFormat
    store: Path
    tensor_arrays: Sequence[str] = ()
    base_ini: Path | None = None
    base_cfg: Path | None = None
    direct: Direct | None = None
    stall_timeout_s: float = 1800.0

    @property
    def tree(self) -> Tree:
        """The vendor's folders."""
        return self.tools.tree

    @property
    def folder(self) -> Path:
        """Where the artefacts of the project's model go."""
        return artifacts.folder_for(self.store, chip=self.chip, model=self.onnx.stem)

    @property
    def staged_model(self) -> str:
        """The ONNX's name in the tree, without its suffix: our files stand beside the user's."""
        return f"deploy_{self.onnx.stem}"

    @property
    def ini_path(self) -> Path:
        """Where `input_config.ini` is written."""
        return self.tree.algorithm_dir / "deploy_input_config.ini"

    @property
    def data_dir(self) -> Path:
        """Where calibration data is laid out."""
        return self.tree.algorithm_dir / "deploy_data"

    @property
    def separator(self) -> str:
        """Between the entries of the cfg's lists."""
        return self.tools.profile.cfg.list_separator

    @cached_property
    def own_cfg(self) -> Cfg | None:
        """The user's file as it is. Raises ToolchainError for one that cannot be read."""
        return Cfg.load(self.base_cfg) if self.base_cfg is not None else None

    @cached_property
    def own_entry(self) -> CfgModel | None:
        """Which of the models of the user's cfg is the project's. Raises ToolchainError when none is."""
        if self.own_cfg is None:
            return None
        return cfg_of.entry(self.own_cfg, self.onnx.stem, separator=self.separator)

    @property
    def cfg(self) -> Cfg:
        """The conversion as the vendor's cfg has it: the user's own with our files, or a new one."""
        ours = CfgModel(
            name=self.staged_model,
            input_size="0",
            ini=self.ini_path.name,
            class_num="0",
            image=artifacts.IMAGE,
        )
        data, separator = self.data_dir.name, self.separator
        if self.own_cfg is None or self.own_entry is None:
            section = self.contract.model.upper()
            return cfg_of.new(section=section, chip=self.chip, model=ours, data=data, separator=separator)
        return cfg_of.with_ours(self.own_cfg, self.own_entry, ours, data=data, separator=separator)

    @property
    def one_cfg(self) -> Cfg:
        """The same for the project's model and chip alone."""
        return cfg_of.narrowed(self.cfg, chip=self.chip, model=self.target.model, separator=self.separator)

    @property
    def cfg_path(self) -> Path:
        """Where the cfg is written."""
        return self.tree.models_dir / "config" / f"deploy_{self.tree.algorithm.replace('/', '_')}.cfg"

    @property
    def one_cfg_path(self) -> Path:
        """Where `one_cfg` is written."""
        return self.cfg_path.with_name(f"{self.cfg_path.stem}_one.cfg")

    @property
    def preprocess_path(self) -> Path:
        """The algorithm's preprocess script; ours is written there where it has none."""
        return self.tree.algorithm_dir / self.tools.profile.preprocess.format(model=self.contract.model)

    @property
    def ini(self) -> InputConfig:
        """`input_config.ini`: the user's own as it is, or a new one with the convolutions' widths."""
        if self.own_ini is not None:
            return InputConfig.load(self.own_ini)
        config = InputConfig.new(
            inputs=[spec.name for spec in self.contract.inputs],
            outputs=[spec.name for spec in self.contract.outputs],
        )
        chosen = None if self.conv_format == "AUTO" else self.conv_format
        return config.with_conv_config(chosen, self.tensor_arrays)

    @property
    def own_ini(self) -> Path | None:
        """The user's ini: that of deploy.yaml, else the one that their cfg names."""
        if self.base_ini is not None or self.own_entry is None:
            return self.base_ini
        return self.tree.algorithm_dir / self.own_entry.ini

    def inis(self) -> Iterator[tuple[InputConfig, Path]]:
        """Every ini that the tools will read, with the ONNX that it is for; read as it is asked for."""
        yield self.ini, self.onnx
        for target in {target.model.name: target for target in self.targets}.values():
            if target.onnx != self.onnx:
                yield InputConfig.load(self.tree.algorithm_dir / target.model.ini), target.onnx

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """The project's model for its chip, then all else that the cfg lists; `direct` does the first alone."""
        pairs = [
            (chip, model)
            for chip in self.cfg.items("CHIP_LIST", separator=self.separator)
            for model in self.cfg.models(separator=self.separator)
        ]
        made = [self._target(chip, model) for chip, model in pairs]
        made.sort(key=lambda target: target.folder != self.folder)
        return tuple(made[:1] if self.direct is not None else made)

    @property
    def target(self) -> Target:
        """The project's model for its chip."""
        return self.targets[0]

    def _target(self, chip: str, model: CfgModel) -> Target:
        ours = model.name == self.staged_model
        image = Path(model.image).stem
        profile = self.tools.profile
        staged = self.tree.algorithm_dir / profile.folders.onnx / f"{model.name}.onnx"
        name = self.onnx.stem if ours else model.name
        return Target(
            chip=chip,
            model=model,
            onnx=self.onnx if ours else staged,
            folder=artifacts.folder_for(self.store, chip=chip, model=name),
            wanted=Wanted(
                chip=chip,
                float_name=profile.float_name.format(image=image),
                fixed_name=profile.fixed_name.format(image=image),
                image_name=model.image,
            ),
        )

    def inputs(self) -> dict[str, str]:
        """The hash of everything that decides what comes out."""
        direct = self.direct.described() if self.direct else {}
        texts = {
            "cfg": self.cfg.encoded(),
            "ini": self.ini.encoded(),
            "contract": self.contract.to_json().encode(),
        }
        others = {target.model.name: target for target in self.targets if target.onnx != self.onnx}
        return {
            "onnx": artifacts.sha256(self.onnx),
            **{name: hashlib.sha256(text).hexdigest() for name, text in texts.items()},
            **{f"onnx/{name}": artifacts.sha256(other.onnx) for name, other in others.items()},
            **{
                f"ini/{name}": artifacts.sha256(self.tree.algorithm_dir / other.model.ini)
                for name, other in others.items()
            },
            **{f"calibration/{wav.name}": artifacts.sha256(wav) for wav in self.calibration},
            **{f"direct/{key}": value for key, value in direct.items()},
            **self._script(),
            "toolchain": toolchain_identity(self.tree),
        }

    def _script(self) -> dict[str, str]:
        """The algorithm's own preprocess script, where it has one."""
        path = self.preprocess_path
        return {"preprocess": artifacts.sha256(path)} if staging.is_users(path) else {}


def toolchain_identity(tree: Tree) -> str:
    """A hash over the scripts that do the work: another toolchain version is another input."""
    digest = hashlib.sha256()
    scripts = [tree.models_dir / "convert.sh", tree.algorithm_dir / "convert.sh"]
    for path in [*scripts, *sorted((tree.tools_dir / "Scripts").rglob("*.py"))]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
