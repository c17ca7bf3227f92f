"""One project as the commands see it: settings resolved to files, labels, clips and board programs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from board_runner.errors import UsageError
from deployer import labels, resources
from deployer.board.config import BoardConfig
from deployer.errors import MissingArtifact
from deployer.events import Emit, ignore
from deployer.settings import yaml_source
from deployer.settings.config import Deployment

if TYPE_CHECKING:  # imported where they are needed: a push that finds nothing to do needs none of them
    from board_runner.contract import InputContract
    from board_runner.models.base import AudioModel
    from deployer.conversion.configured import Toolchain
    from deployer.conversion.image_facts import ImageFacts
    from deployer.conversion.job import ConvertJob, Direct
    from deployer.history import History
    from deployer.run import Program

SHIPPED = "eat"
"""The model whose ONNX and clips come with this package."""

GRAPHS = "graphs"
"""Key of configs/models: names of the graphs that a model is exported as, where they are several."""


@dataclass(frozen=True)
class Project:
    """Answers where things are; makes nothing."""

    deployment: Deployment

    @property
    def model_name(self) -> str:
        """Name of the model module."""
        return self.deployment.settings.model.name

    @cached_property
    def model(self) -> AudioModel:
        """The model's module."""
        from board_runner import models

        return models.get(self.model_name)

    @cached_property
    def vendor(self) -> dict[str, Any]:
        """What the vendor calls this model's algorithm, program and image (configs/models)."""
        return yaml_source.read(resources.configs_dir() / "models" / f"{self.model_name}.yaml").data

    @cached_property
    def labels(self) -> list[str]:
        """Class names by id. Raises ConfigError for other than the model has classes."""
        section = self.deployment.settings.model
        return labels.fitting(labels.load(section, self.deployment.root), section, lambda: self.contract)

    @property
    def exported_dir(self) -> Path:
        """Where `deploy export` writes."""
        return self.deployment.state_dir / "export"

    @property
    def onnx(self) -> Path:
        """The ONNX that is converted: the configured one, the exported one, or the shipped one.

        Raises MissingArtifact when a checkpoint is configured and was never exported, UsageError for a model of
        several graphs.
        """
        if GRAPHS in self.vendor:
            raise UsageError(
                f"{self.model_name} is {', '.join(self.vendor[GRAPHS])}, with sizes that change from chunk to "
                "chunk: there is no one model to convert",
                hint=f"`deploy export --model {self.model_name} --static 16 4` makes one of fixed sizes too, for "
                "convert, compare-sim and eval",
            )
        section = self.deployment.settings.model
        if section.onnx is not None:
            path = self.deployment.resolve(section.onnx)
            if not path.is_file():
                raise MissingArtifact(f"no ONNX model at {path}", hint="`deploy export` makes one")
            return path
        if section.checkpoint is not None:
            path = self.exported_dir / f"{section.name}_sim.onnx"
            if not path.is_file():
                raise MissingArtifact(f"no ONNX model at {path}", hint="`deploy export` makes it")
            return path
        if section.name != SHIPPED:
            raise MissingArtifact(
                f"no ONNX model for {section.name}: deploy.yaml has neither model.checkpoint nor model.onnx",
                hint="set model.checkpoint and `deploy export`, or set model.onnx",
            )
        return resources.data_dir() / "eat.onnx"

    @property
    def static(self) -> Path | None:
        """The graph of fixed sizes of a model of several graphs: the configured one, or that of `deploy export`."""
        if GRAPHS not in self.vendor:
            return None
        given = self.deployment.settings.model.onnx
        made = self.exported_dir / f"{self.model_name}_static.onnx"
        path = made if given is None else self.deployment.resolve(given)
        return path if path.is_file() else None

    @cached_property
    def contract(self) -> InputContract:
        """The contract that the image (where there is no ONNX) or the ONNX carries, else the model as shipped."""
        from board_runner.graph import Graph

        if self._has_image_alone and self.ready_image is not None:
            from deployer.conversion import image_facts

            return image_facts.contract_of(self.ready_image) or self.model.contract()
        if GRAPHS in self.vendor and self.static is None:
            return self.model.contract()
        return Graph.load(self.static or self.onnx).contract or self.model.contract()

    @property
    def _has_image_alone(self) -> bool:
        """Whether there is no ONNX beside the image, the shipped one least of all."""
        section = self.deployment.settings.model
        return section.name != SHIPPED and section.onnx is None and section.checkpoint is None

    @property
    def clips_dir(self) -> Path:
        """The folder of test wavs: the configured one, or the ten shipped clips."""
        clips = self.deployment.settings.audio.clips
        return self.deployment.resolve(clips) if clips is not None else resources.data_dir() / "clips"

    @cached_property
    def clips(self) -> list[Path]:
        """Every test wav, by name. Raises MissingArtifact when there is none."""
        return _wavs(self.clips_dir)

    @cached_property
    def clip_seconds(self) -> dict[str, float]:
        """Clip -> length of its audio. Raises InputError for a wav the board program would refuse."""
        from board_runner import audio

        rate = self.contract.sample_rate_hz
        return {clip.name: len(audio.require(audio.read_wav(clip), rate)) / rate for clip in self.clips}

    def check_clips(self) -> None:
        """Read every clip as the board program will. Raises InputError for one that it would refuse."""
        _ = self.clip_seconds

    @cached_property
    def calibration(self) -> list[Path]:
        """Every calibration wav, by name; the test clips where no folder of its own is configured."""
        folder = self.deployment.settings.audio.calibration
        return _wavs(self.deployment.resolve(folder)) if folder is not None else self.clips

    @property
    def targets(self) -> dict[str, int]:
        """Clip -> class id, for the clips whose file name states it."""
        from deployer import prepare

        found = {clip.name: prepare.target_of(clip.name) for clip in self.clips}
        return {name: target for name, target in found.items() if target is not None}

    @property
    def artifacts_dir(self) -> Path:
        """Where this project's converted model is kept."""
        from deployer import artifacts

        chip = self.deployment.settings.chip
        return artifacts.folder_for(self._store, chip=chip, model=(self.static or self.onnx).stem)

    @property
    def ready_image(self) -> Path | None:
        """The configured ready-made image, if any. Raises MissingArtifact when it is not there."""
        image = self.deployment.settings.model.image
        if image is None:
            return None
        path = self.deployment.resolve(image)
        if not path.is_file():
            raise MissingArtifact(
                f"no model image at {path}", hint="correct or unset model.image in deploy.yaml"
            )
        return path

    @property
    def _store(self) -> Path:
        return self.deployment.state_dir / "artifacts"

    @cached_property
    def toolchain(self) -> Toolchain:
        """The tools that convert this project's model."""
        from deployer.conversion.configured import Toolchain

        return Toolchain(self.deployment, str(self.vendor["algorithm"]))

    @property
    def image_facts(self) -> ImageFacts:
        """For which chip the image that goes to the board is, and what it takes. Raises MissingArtifact."""
        from deployer import artifacts
        from deployer.conversion import image_facts

        if self.ready_image is None:
            return image_facts.of_converted(artifacts.load(self.artifacts_dir))
        return self._ready_facts

    @cached_property
    def _ready_facts(self) -> ImageFacts:
        """Asked for once: the vendor's tool may start a container for it."""
        from deployer.conversion import image_facts

        assert self.ready_image is not None
        return image_facts.of_ready(
            self.ready_image,
            store=self._store,
            known=self.toolchain.profile,
            tools=self.toolchain.tools if self.toolchain.is_vendors else None,
            chip=self.deployment.settings.chip,
        )

    def convert_job(self, direct: Direct | None = None) -> ConvertJob:
        """What `deploy convert` does in this project; with `direct`, without convert.sh."""
        from deployer.conversion.job import ConvertJob

        section = self.deployment.settings.toolchain
        return ConvertJob(
            tools=self.toolchain.tools,
            onnx=self.static or self.onnx,
            contract=self.contract,
            model=self.model,
            chip=self.deployment.settings.chip,
            calibration=self.calibration,
            conv_format=section.conv_input_format,
            tensor_arrays=section.tensor_arrays,
            base_ini=self.deployment.resolve(section.ini) if section.ini is not None else None,
            base_cfg=self.deployment.resolve(section.cfg) if section.cfg is not None else None,
            store=self._store,
            direct=direct,
            stall_timeout_s=section.stall_timeout_s,
        )

    @property
    def wants_sdk(self) -> bool:
        """Whether the board's programs come from an SDK: `sdk:` is there, and `program:` names no ready one."""
        settings = self.deployment.settings
        return settings.program is None and settings.sdk is not None

    @property
    def program_path(self) -> Path:
        """The board program: the configured one, or where `deploy` builds its own."""
        configured = self.deployment.settings.program
        if configured is None:
            return self.deployment.state_dir / "program" / str(self.vendor["program"])
        path = self.deployment.resolve(configured)
        if not path.is_file():
            raise MissingArtifact(
                f"no board program at {path}", hint="build it with the vendor's SDK, or unset `program:`"
            )
        return path

    def program_on(self, board: BoardConfig) -> Program:
        """The program as `push` places it on `board`."""
        from deployer.run import Program

        return Program(
            directory=PurePosixPath(board.directory) / "current",
            name=str(self.vendor["program"]),
            model=f"models/{self.vendor['image']}",
            timeout_s=self.deployment.settings.bench.timeout_s,
            env=board.env,
        )

    @property
    def runs_dir(self) -> Path:
        """Where the history of runs is kept."""
        return self.deployment.state_dir / "runs"

    def history(self, emit: Emit = ignore) -> History:
        """The runs of this project; `emit` is told of files of an earlier deploy that are no records."""
        from deployer.history import History

        return History(self.runs_dir, emit=emit)


def _wavs(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.wav")) if folder.is_dir() else []
    if not found:
        raise MissingArtifact(f"no wav in {folder}", hint="`deploy prepare AUDIO... --out DIR` makes them")
    return found
