"""`deploy.yaml`: found upward from the current directory, checked, and turned into one `Deployment`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from deployer.board.config import BoardConfig, parse_address
from deployer.errors import ConfigError
from deployer.fleet import inventory
from deployer.settings import yaml_source
from deployer.settings.config_errors import complaint, listed, nearest
from toolchain_wrappers import intake
from toolchain_wrappers.intake import Fault, Section

FILE_NAME = "deploy.yaml"

AtLeastOne = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]


class ModelSection(Section, frozen=True, kw_only=True):
    """Which model, and where it comes from; `onnx` unset means the shipped one.

    `image` is a ready-made eat.img, such as the vendor's: it is pushed as it is, and nothing is converted.
    """

    name: str = "eat"
    onnx: Path | None = None
    image: Path | None = None
    checkpoint: Path | None = None
    labels: str | list[str] | None = None


class AudioSection(Section, frozen=True, kw_only=True):
    """Folders of prepared wavs; without `calibration` the clips serve for that as well."""

    clips: Path | None = None
    calibration: Path | None = None


class RuntimeSection(Section, frozen=True, kw_only=True):
    """Where a vendor's tools run.

    `docker_dir` is the vendor's folder with run_docker.sh: image and mounts come from it where they are not set.
    """

    runtime: Literal["host", "docker", "podman"] = "host"
    docker_dir: Path | None = None
    image: str | None = None
    rootfs: Path | None = None
    mounts: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class ToolchainSection(RuntimeSection, frozen=True, kw_only=True):
    """The vendor's trees; unset paths mean the built-in stand-in."""

    kind: Literal["sigmastar"] = "sigmastar"
    models_dir: Path | None = None
    tools_dir: Path | None = None
    profile: dict[str, Any] = msgspec.field(default_factory=dict)
    stall_timeout_s: Positive = 1800.0
    conv_input_format: Literal["ALL_UINT8", "ALL_INT16", "CONV2D_INT16", "DEPTHWISE_INT16", "AUTO"] = "AUTO"
    tensor_arrays: tuple[str, ...] = ()
    ini: Path | None = None
    cfg: Path | None = None


class SdkSection(RuntimeSection, frozen=True, kw_only=True):
    """The vendor's board SDK; without `dir` the built-in stand-in, which builds this project's own C programs.

    `defconfig` is only held against what the SDK is configured for; `aarch` is the folder below out/ to take.
    """

    dir: Path | None = None
    defconfig: str | None = None
    aarch: str | None = None
    jobs: AtLeastOne | None = None
    profile: dict[str, Any] = msgspec.field(default_factory=dict)
    stall_timeout_s: Positive = 900.0


class BoardSimulatorSection(Section, frozen=True, kw_only=True):
    """The vendor's `dla_simulator` on the board, from which `compare-sim board` gets tensors; its input files."""

    path: PurePosixPath | None = None
    format: Literal["RAWDATA_NHWC", "DUMP_RAWDATA"] = "RAWDATA_NHWC"

    def __post_init__(self) -> None:
        if self.path is not None and not self.path.is_absolute():
            raise Fault(("path",), "must be an absolute path, such as /customer/prog_dla_dla_simulator")


class BenchSection(Section, frozen=True, kw_only=True):
    """How often, and how long to wait for one run."""

    runs: AtLeastOne = 10
    warm_up: Annotated[int, Meta(ge=0)] = 1  # starts before those that count
    timeout_s: Positive = 60.0


class LimitsSection(Section, frozen=True, kw_only=True):
    """What `compare-sim` holds every stage against."""

    cosine_min: Annotated[float, Meta(ge=-1, le=1)] = 0.99
    rmse_max: Annotated[float, Meta(ge=0)] = 0.1
    top1_min: Annotated[float, Meta(ge=0, le=1)] = 0.9


class Settings(Section, frozen=True, kw_only=True):
    """The whole of `deploy.yaml`."""

    version: Literal[1] = 1
    chip: str = "pcupid"
    model: ModelSection = ModelSection()
    audio: AudioSection = AudioSection()
    toolchain: ToolchainSection = ToolchainSection()
    program: Path | None = None
    sdk: SdkSection | None = None  # where it is there, programs are built
    board_simulator: BoardSimulatorSection = BoardSimulatorSection()
    inventory: Path | None = None
    boards: Any = None  # these three are read by deployer/fleet/inventory.py
    board_groups: Any = None
    board_defaults: Any = None
    default_board: str | None = None
    bench: BenchSection = BenchSection()
    limits: LimitsSection = LimitsSection()


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """The settings, the folder their relative paths start from, and the boards by name."""

    settings: Settings
    root: Path
    path: Path | None = None
    boards: Mapping[str, BoardConfig] = field(default_factory=dict)
    groups: tuple[str, ...] = ()

    def resolve(self, path: Path) -> Path:
        """A path of the file, absolute."""
        return (self.root / path.expanduser()).resolve()

    @property
    def state_dir(self) -> Path:
        """Where artefacts, logs and run records of this project are kept."""
        return self.root / ".deploy"

    def board(self, wanted: str | None) -> BoardConfig:
        """The board called `wanted`, or at that address; without one the default or the only board."""
        name = wanted or self.settings.default_board
        if name is None:
            if len(self.boards) == 1:
                return next(iter(self.boards.values()))
            raise ConfigError(
                "no board chosen" if self.boards else "no board known",
                hint=f"give --board with one of: {listed(self.boards)}"
                if self.boards
                else "give --board user@host:port, or add one to `boards:` in deploy.yaml",
            )
        if name in self.boards:
            return self.boards[name]
        return parse_address(name)


def find(start: Path) -> Path | None:
    """The nearest `deploy.yaml` at or above `start`."""
    return next((d / FILE_NAME for d in (start, *start.parents) if (d / FILE_NAME).is_file()), None)


def load(path: Path | None, *, start: Path | None = None) -> Deployment:
    """Read `path`, or the file found upward from `start`; without any, the defaults.

    Raises ConfigError that names file, line, key and, for a misspelt key, the nearest known one.
    """
    if path is not None and not path.is_file():
        raise ConfigError(f"{path}: no such file", hint="`deploy init` writes one")
    found = path or find(start or Path.cwd())
    if found is None:
        return Deployment(settings=Settings(), root=(start or Path.cwd()).resolve())
    source = yaml_source.read(found)
    try:
        # A section whose every line is commented out is null in YAML, and means the defaults.
        settings = intake.record(Settings, {k: v for k, v in source.data.items() if v is not None})
    except Fault as e:
        raise complaint(source, e, e.key) from e
    root = found.parent.resolve()
    known = inventory.parse(source, inventory.DEPLOY_YAML)
    if settings.inventory is not None:
        known = inventory.join(known, inventory.read(root / settings.inventory.expanduser()))
    if settings.default_board is not None and settings.default_board not in known.boards:
        place = source.place(("default_board",))
        raise ConfigError(
            f"{place}: default_board {settings.default_board!r} is not one of the boards",
            hint=nearest(settings.default_board, known.boards),
        )
    return Deployment(settings=settings, root=root, path=found, boards=known.boards, groups=known.groups)
