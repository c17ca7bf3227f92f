"""A training from its settings to its report: what it is made of, put together."""

from __future__ import annotations

from pathlib import Path

import torch

from board_runner.errors import InputError, UsageError
from deployer.events import Emit, Warned
from deployer.training import augment, examples, losses, network, recipes
from deployer.training.batches import Batches, threads
from deployer.training.report import TrainReport
from deployer.training.run_folder import RunFolder
from deployer.training.session import STEP, Session
from deployer.training.settings import Limits, TrainSettings
from deployer.training.trainer import Trainer


def train(data: Path, folder: Path, settings: TrainSettings, *, limits: Limits, emit: Emit) -> TrainReport:
    """As `deployer.training.run`."""
    settings.check()
    augment.check(settings.augs)
    recipe = recipes.of(settings.model)
    known = examples.load(data, settings)
    device = device_of(limits.device)
    source, is_whole = network.start(settings, len(known.classes), folder)
    rate = source.contract.sample_rate_hz
    if known.sample_rate_hz != rate:
        raise InputError(
            f"{data}: wavs at {known.sample_rate_hz} Hz, the network wants {rate} Hz",
            hint=f"prepare them with --model {settings.model}",
        )
    if settings.load_path is not None and not is_whole:
        emit(
            Warned(step=STEP, message=f"{settings.load_path} knows other classes: its last layer begins anew")
        )
    batches = Batches(
        recipe=recipe,
        settings=settings,
        contract=source.contract,
        train=known.train,
        jobs=threads(limits.jobs),
    )
    loss = losses.of_model(recipe, smoothing=settings.label_smoothing, counts=known.counts, device=device)
    trainer = Trainer(
        source.network,
        settings,
        recipe,
        loss=loss,
        classes=len(known.classes),
        steps=batches.steps,
        device=device,
    )
    session = Session(trainer, batches, known, folder=RunFolder(path=folder), limits=limits, emit=emit)
    stopped_by = session.go(judge_first=is_whole)
    test = None if stopped_by else session.test()
    return TrainReport(
        folder=folder,
        model=settings.model,
        parameters=source.parameters,
        device=device.type,
        epochs_done=session.epoch,
        n_epochs=settings.n_epochs,
        best_epoch=session.best.epoch if session.best else None,
        val_accuracy=session.best.score.accuracy if session.best else None,
        val_loss=session.best.score.loss if session.best else None,
        chosen_on=known.chosen_on,
        seconds=session.seconds(),
        stopped_by=stopped_by,
        test_accuracy=test.accuracy if test else None,
        test_clips=test.clips if test else 0,
    )


def device_of(name: str) -> torch.device:
    """`cpu`, `cuda`, or with `auto` the GPU where there is one; raises UsageError without the GPU asked for."""
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise UsageError("PyTorch finds no GPU", hint="--device cpu, or a PyTorch with CUDA")
    return torch.device("cuda" if has_gpu and name != "cpu" else "cpu")
