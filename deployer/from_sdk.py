"""What the vendor's SDK brings ready-made: the model, a test wav, the built program, at their documented paths.

The layout below the SDK's folder is that of the vendor's guide ("usage" of the sed/eat demo): nothing is converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from board_runner.errors import UsageError
from deployer import resources
from deployer.errors import MissingArtifact
from deployer.release.manifest import BoardFile
from toolchain_wrappers.sdk import profile
from toolchain_wrappers.sdk.tree import SdkTree, program_name

TARGET = "sed/eat"
IMAGE = "eat.img"
IMAGES = "dla_file/ipu_open_models"
"""Below project/board/CHIP/."""

WAV = "resource/1-137-A-32_22.05k.wav"
"""Below sdk/verify/opendla/source/."""


def files(
    sdk_dir: Path, *, chip: str, clips: Sequence[Path] = (), aarch: str | None = None
) -> list[BoardFile]:
    """The vendor's program, `models/eat.img` and wav (or `clips`), as `push` takes them.

    `aarch` chooses among programs that were built for several architectures. Raises MissingArtifact, which names
    every file that is not there and how to get it; UsageError.
    """
    sdk = SdkTree(root=sdk_dir, profile=profile.load(resources.configs_dir() / "toolchains"))
    if not sdk_dir.is_dir():
        raise MissingArtifact(
            f"{sdk_dir}: no such folder", hint="name the folder that holds the vendor's SDK"
        )
    image = sdk.project / "board" / chip / IMAGES / IMAGE
    wavs = list(clips) or [sdk.opendla / sdk.profile.source / WAV]
    built = sdk.programs(program_name(TARGET))
    if aarch is not None:
        built = sdk.only(built, aarch)
    lacking = {path: cure for path, cure in _needed(sdk, image, wavs, chip).items() if not path.is_file()}
    if not built:
        lacking[sdk.out / (aarch or "ARCH") / sdk.profile.app / program_name(TARGET)] = (
            f"build it: `make clean && make {sdk.profile.source}/{TARGET} -j8` in {sdk.opendla}, or `deploy build`"
        )
    if lacking:
        raise MissingArtifact(
            f"the SDK lacks {', '.join(map(str, lacking))}", hint="; ".join(dict.fromkeys(lacking.values()))
        )
    return [
        BoardFile(source=_one(sdk, built), name=PurePosixPath(program_name(TARGET)), executable=True),
        BoardFile(source=image, name=PurePosixPath("models") / IMAGE),
        *(BoardFile(source=wav, name=PurePosixPath(wav.name)) for wav in wavs),
    ]


def _needed(sdk: SdkTree, image: Path, wavs: Sequence[Path], chip: str) -> dict[Path, str]:
    others = sorted(path.parents[2].name for path in (sdk.project / "board").glob(f"*/{IMAGES}/{IMAGE}"))
    there = f"this SDK has it for {', '.join(others)}" if others else "is this the root of the SDK?"
    needed = {image: f"no ready-made model for {chip}: {there}; or convert one (`deploy convert`)"}
    return needed | {wav: "the wav comes with the SDK's sources; any 22.05 kHz wav will do" for wav in wavs}


def _one(sdk: SdkTree, built: Sequence[Path]) -> Path:
    if len(built) > 1:
        names = " and ".join(sdk.aarch(path) or "no architecture" for path in built)
        raise UsageError(
            f"{sdk.out} holds {built[0].name} for {names}",
            hint="`sdk: {aarch: NAME}` in deploy.yaml chooses one; `make clean` removes what is old",
        )
    return built[0]
