"""A manifest's clips through a checkpoint, what is deployed of it, or both: embeddings and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from board_runner import audio, engine
from board_runner.contract import InputContract
from board_runner.engine import Engine
from board_runner.errors import InputError, UsageError
from board_runner.models import ecapa
from board_runner.prog_sed_eat import contract_of
from deployer.datasets import manifest
from deployer.datasets.manifest import Manifest
from deployer.events import Advanced, Emit, Finished, Started, ignore
from deployer.metrics import speakers as metrics
from deployer.metrics import trial_list
from deployer.metrics.speakers import Embedded
from deployer.speakers.report import Agreement, SpeakerReport

STEP = "speakers"


def embed(
    listing: Manifest,
    folder: Path,
    loaded: Engine,
    contract: InputContract,
    *,
    name: str,
    emit: Emit = ignore,
) -> Embedded:
    """The embedding of every clip of `listing`, which lies in `folder`, from the window that it states.

    Raises InputError for a manifest of another window length or rate than the model's, or for a clip that cannot
    be read, ModelError for a model that gives no embedding.
    """
    mel = ecapa.front_end(contract)
    if (listing.frames, listing.sample_rate_hz) != (mel.frames, mel.sample_rate_hz):
        raise InputError(
            f"the manifest's windows are {listing.frames} frames at {listing.sample_rate_hz} Hz, "
            f"the model takes {mel.frames} at {mel.sample_rate_hz} Hz",
            hint="prepare the data set anew",
        )
    spec = contract.inputs[0]
    emit(Started(step=STEP, total=len(listing.clips), unit="clips"))
    vectors = []
    for number, clip in enumerate(listing.clips, 1):
        samples = audio.require(audio.read_wav(folder / clip.file), mel.sample_rate_hz)
        features = mel.features(samples, clip.start_frame).reshape(spec.shape)
        vectors.append(ecapa.decode([loaded.run({spec.name: features})]).vector)
        emit(Advanced(step=STEP, done=number, total=len(listing.clips), note=f"{name}: {clip.source}"))
    emit(Finished(step=STEP, note=f"{len(vectors)} clips by {name}"))
    return Embedded(vectors=np.asarray(vectors), speakers=tuple(clip.speaker for clip in listing.clips))


def measure(
    manifest_path: Path,
    *,
    deployed: Path | None = None,
    checkpoint: Path | None = None,
    trials: Path | None = None,
    emit: Emit = ignore,
) -> SpeakerReport:
    """Embed a manifest's clips by the model file `deployed`, the folder `checkpoint` in PyTorch, or both.

    `trials` is a published list, beside the protocols of `deployer.metrics.speakers`. Raises UsageError without
    anything to run, MissingArtifact or InputError for a manifest or list that cannot be used.
    """
    if deployed is None and checkpoint is None:
        raise UsageError("nothing to run", hint="give a model, a checkpoint, or both")
    listing = manifest.load(manifest_path)
    folder = manifest_path if manifest_path.is_dir() else manifest_path.parent
    runs = {
        name: embed(listing, folder, loaded, contract, name=name, emit=emit)
        for name, (loaded, contract) in _engines(deployed, checkpoint).items()
    }
    files = [clip.source for clip in listing.clips]
    text = _read(trials) if trials is not None else None
    figures = {name: metrics.measure(embedded) for name, embedded in runs.items()}
    absent = 0
    if text is not None:
        for name, embedded in runs.items():
            found, absent = trial_list.listed(text, embedded, files, place=str(trials))
            figures[name].append(metrics.figures(found, "listed"))
    return SpeakerReport(
        clips=len(listing.clips),
        speakers=len(listing.speakers),
        left_out=len(listing.left_out),
        seed=listing.seed,
        figures=figures,
        agreement=agreement(runs, files) if len(runs) == 2 else None,
        absent_trials=absent,
        too_many=metrics.too_many([clip.speaker for clip in listing.clips]),
    )


def _engines(deployed: Path | None, checkpoint: Path | None) -> dict[str, tuple[Engine, InputContract]]:
    found: dict[str, tuple[Engine, InputContract]] = {}
    if checkpoint is not None:
        from deployer.export import engine as torch_engine

        found["checkpoint"] = torch_engine.load("ecapa", checkpoint)
    if deployed is not None:
        found[deployed.name] = engine.load(deployed), contract_of(deployed)
    return found


def _read(trials: Path) -> str:
    try:
        return trials.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise InputError(f"cannot read the list of trials {trials}: {e}") from e


def agreement(runs: Mapping[str, Embedded], clips: Sequence[str]) -> Agreement:
    """The two runs clip by clip; raises InputError unless both embedded the same clips at the same width."""
    (first, one), (second, two) = runs.items()
    if one.vectors.shape != two.vectors.shape:
        raise InputError(
            f"{first} gives embeddings {list(one.vectors.shape)}, {second} {list(two.vectors.shape)}"
        )
    cosines = np.sum(one.units * two.units, axis=1)
    worst = int(cosines.argmin())
    return Agreement(
        first=first,
        second=second,
        least_cosine=float(cosines[worst]),
        mean_cosine=float(cosines.mean()),
        worst_clip=clips[worst],
    )
