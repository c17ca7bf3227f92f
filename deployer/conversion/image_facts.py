"""For which chip an image is and what it takes: from whatever can tell. Bytes that nobody can read are no error."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from board_runner.contract import InputContract
from board_runner.errors import DeployError
from board_runner.integer import container
from deployer import artifacts
from deployer.artifacts import Artifacts
from deployer.conversion import tool_run
from deployer.events import Emit, Event, Logged, Warned
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.runtime import Host
from toolchain_wrappers.sigmastar import image_info, versions
from toolchain_wrappers.sigmastar.image_info import ImageInfo
from toolchain_wrappers.sigmastar.profile import Profile
from toolchain_wrappers.sigmastar.tools import Tools

UNVERIFIED = versions.UNVERIFIED
_ASK_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A value and who says so; both are empty where nobody does."""

    value: str = ""
    source: str = ""

    def __str__(self) -> str:
        return f"{self.value} ({self.source})" if self.value else UNVERIFIED


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What is known of an image: its chip, and its input in words."""

    chip: Fact
    input: Fact


def of_converted(made: Artifacts) -> ImageFacts:
    """Of one from the store: its manifest says it."""
    contract = made.manifest.contract
    shown = _input_of(InputContract.from_json(contract)) if contract else ""
    return ImageFacts(
        chip=Fact(value=made.chip, source="manifest"),
        input=Fact(value=shown, source="manifest") if shown else Fact(),
    )


def of_ready(image: Path, *, store: Path, known: Profile, tools: Tools | None, chip: str) -> ImageFacts:
    """Of a ready-made one: by a manifest, its own header, the SDK's path, show_img_info.py, in this order.

    `tools` is the vendor's toolchain, where there is one, and `chip` the one to ask it about.
    """
    kept = _kept(image, store)
    if kept is not None:
        return of_converted(kept)
    if container.is_image(image):
        return _by_header(image)
    by_path = versions.chip_of_path(image, known.sdk_path)
    said = show(tools, image, by_path or chip) if tools is not None else None
    found = Fact(value=by_path, source="SDK path") if by_path else Fact()
    if not by_path and said is not None:
        chips = known.versions.chips.get(versions.generation_of(said.version, known.versions), ())
        found = Fact(value=chips[0], source="show_img_info.py") if len(chips) == 1 else Fact()
    shown = ", ".join(map(str, said.inputs)) if said is not None else ""
    return ImageFacts(chip=found, input=Fact(value=shown, source="show_img_info.py") if shown else Fact())


def ask(
    tools: Tools, image: Path, chip: str, contract: InputContract | None, *, step: str, emit: Emit
) -> str:
    """What the vendor's tool says of a new image, for its manifest; warns where the model's contract differs."""
    said = show(tools, image, chip)
    if said is None:
        return UNVERIFIED
    if contract is not None and (fault := _contradicts(said, contract)):
        emit(Warned(step=step, message=f"{image.name}: {fault}"))
    return str(said)


def show(tools: Tools, image: Path, chip: str) -> ImageInfo | None:
    """Run show_img_info.py on it; None where there is none, it fails, or its words say nothing."""
    if not (tools.tree.tools_dir / tools.profile.scripts.show_img_info).is_file():
        return None
    parent = (
        None if isinstance(tools.runtime, Host) else tools.tree.algorithm_dir
    )  # one that a container sees
    lines: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Logged):
            lines.append(event.line)

    try:
        with tempfile.TemporaryDirectory(prefix="deploy-info-", dir=parent) as temporary:
            work = Path(temporary)
            copy = Path(shutil.copyfile(image, work / image.name))
            tool_run.run(
                tools,
                tools.show_img_info(image=copy, chip=chip, work=work),
                step="info",
                cwd=work,
                log=work / "info.log",
                stall_timeout_s=_ASK_S,
                emit=listen,
            )
        return image_info.parse("\n".join(lines))
    except ToolchainError:
        return None


def _contradicts(said: ImageInfo, contract: InputContract) -> str:
    for spec, seen in zip(contract.inputs, said.inputs, strict=False):
        if seen.shape and seen.shape != tuple(spec.shape):
            return f"its input is {seen}, the model's is {spec.name} {list(spec.shape)}"
    return ""


def _kept(image: Path, store: Path) -> Artifacts | None:
    """The conversion whose image has these bytes: one of the store, or one whose manifest lies beside the image."""
    digest = artifacts.sha256(image)
    for manifest in [image.parent / artifacts.MANIFEST, *store.glob(f"*/{artifacts.MANIFEST}")]:
        try:
            made = artifacts.load(manifest.parent)
        except DeployError:
            continue
        if digest in (made.manifest.outputs.get(artifacts.IMAGE), made.manifest.outputs.get(image.name)):
            return made
    return None


def contract_of(image: Path) -> InputContract | None:
    """What the image itself says it expects; None for one that is not of our format, or damaged."""
    found = _header(image)
    return None if found is None else found[1]


def _header(image: Path) -> tuple[str, InputContract] | None:
    """Chip and contract."""
    try:
        info = container.read_info(container.split(image.read_bytes())[1]["INFO"])
        return info.get("chip", ""), InputContract.from_json(info["contract"])
    except (DeployError, KeyError):
        return None


def _by_header(image: Path) -> ImageFacts:
    found = _header(image)
    if found is None:
        return ImageFacts(chip=Fact(), input=Fact())
    chip, contract = found
    source = "its header"
    return ImageFacts(
        chip=Fact(value=chip, source=source),
        input=Fact(value=_input_of(contract), source=source),
    )


def _input_of(contract: InputContract) -> str:
    return ", ".join(f"{spec.name} {list(spec.shape)} {spec.dtype}" for spec in contract.inputs)
