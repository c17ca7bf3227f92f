"""What is to be converted, with what, into which folder of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from board_runner.contract import InputContract
from board_runner.models.base import AudioModel
from deployer import artifacts
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
class ConvertJob:
    """One model for one chip."""

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
    direct: Direct | None = None
    stall_timeout_s: float = 1800.0

    @property
    def tree(self) -> Tree:
        """The vendor's folders."""
        return self.tools.tree

    @property
    def folder(self) -> Path:
        """Where the artefacts go."""
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
    def cfg(self) -> Cfg:
        """The conversion as the vendor's cfg has it."""
        model = CfgModel(
            name=self.staged_model,
            input_size="0",
            ini=self.ini_path.name,
            class_num="0",
            image=artifacts.IMAGE,
        )
        section = self.contract.model.upper()
        return Cfg.new(section=section, chips=[self.chip], models=[model], data=self.data_dir.name)

    @property
    def cfg_path(self) -> Path:
        """Where the cfg is written."""
        return self.tree.models_dir / "config" / f"deploy_{self.tree.algorithm.replace('/', '_')}.cfg"

    @property
    def preprocess_path(self) -> Path:
        """The algorithm's preprocess script; ours is written there where it has none."""
        return self.tree.algorithm_dir / self.tools.profile.preprocess.format(model=self.contract.model)

    @property
    def ini(self) -> InputConfig:
        """`input_config.ini`: the user's own as it is, or a new one with the convolutions' widths."""
        if self.base_ini is not None:
            return InputConfig.load(self.base_ini)
        config = InputConfig.new(
            inputs=[spec.name for spec in self.contract.inputs],
            outputs=[spec.name for spec in self.contract.outputs],
        )
        chosen = None if self.conv_format == "AUTO" else self.conv_format
        return config.with_conv_config(chosen, self.tensor_arrays)

    @property
    def wanted(self) -> Wanted:
        """The files that the tools should make."""
        image = Path(artifacts.IMAGE).stem
        return Wanted(
            chip=self.chip,
            float_name=self.tools.profile.float_name.format(image=image),
            fixed_name=self.tools.profile.fixed_name.format(image=image),
            image_name=artifacts.IMAGE,
        )

    def inputs(self) -> dict[str, str]:
        """The hash of everything that decides what comes out."""
        direct = self.direct.described() if self.direct else {}
        texts = {
            "cfg": self.cfg.encoded(),
            "ini": self.ini.encoded(),
            "contract": self.contract.to_json().encode(),
        }
        return {
            "onnx": artifacts.sha256(self.onnx),
            **{name: hashlib.sha256(text).hexdigest() for name, text in texts.items()},
            **{f"calibration/{wav.name}": artifacts.sha256(wav) for wav in self.calibration},
            **{f"direct/{key}": value for key, value in direct.items()},
            "toolchain": toolchain_identity(self.tree),
        }


def toolchain_identity(tree: Tree) -> str:
    """A hash over the scripts that do the work: another toolchain version is another input."""
    digest = hashlib.sha256()
    scripts = [tree.models_dir / "convert.sh", tree.algorithm_dir / "convert.sh"]
    for path in [*scripts, *sorted((tree.tools_dir / "Scripts").rglob("*.py"))]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
