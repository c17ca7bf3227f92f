"""`deploy train`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from board_runner.errors import UsageError
from deployer.cli.options import Session, common
from deployer.training import recipes
from deployer.training.settings import Limits, TrainSettings, folder_of

PLAIN = TrainSettings()
F = Callable[..., Any]


class SeedSpelling(click.Command):
    """Takes the published trainer's spelling too: `--max_lr`, and `--ds_factors 4 4 4 4` as one value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Join what follows `--ds-factors` to one word, and let options have hyphens."""
        joined: list[str] = []
        for word in args:
            name, equals, value = word.partition("=")
            if joined and joined[-1].startswith("--ds-factors=") and word.isdigit():
                joined[-1] += f" {word}"
            elif name.startswith("--"):
                joined.append(name.replace("_", "-") + equals + value)
            elif joined and joined[-1] == "--ds-factors":
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return super().parse_args(ctx, joined)


def _settings(function: F) -> F:
    """An option for each setting, and for each size of each model; all None unless given."""
    options = {
        "--max-lr": (float, f"Highest learning rate, of a one-cycle schedule  [{PLAIN.max_lr:g}]"),
        "--n-epochs": (int, f"Length of the whole schedule  [{PLAIN.n_epochs}]"),
        "--batch-size": (int, f"Clips a step  [{PLAIN.batch_size}]"),
        "--mix-ratio": (float, f"Share of batches that are mixed  [{PLAIN.mix_ratio:g}]"),
        "--epoch-mix": (int, f"First epoch with mixing  [{PLAIN.epoch_mix}]"),
        "--mix-loss": (click.Choice(["bce", "ce"]), f"Loss of mixed batches  [{PLAIN.mix_loss}]"),
        "--augs-mix": (str, f"Kinds of mixing, with commas  [{','.join(PLAIN.augs_mix)}]"),
        "--augs": (str, f"Augmentations, with commas, or none  [{','.join(PLAIN.augs)}]"),
        "--ema": (float, f"Decay of the averaged weights, 0 for none  [{PLAIN.ema:g}]"),
        "--wd": (float, f"Weight decay  [{PLAIN.wd:g}]"),
        "--label-smoothing": (float, f"Of the loss of batches not mixed  [{PLAIN.label_smoothing:g}]"),
        "--fold-id": (int, f"Data with folds: the one held out for testing  [{PLAIN.fold_id}]"),
        "--val-fold": (int, "Data with folds: the one that chooses the best network  [the test fold]"),
        "--seed": (int, f"Decides all that is drawn  [{PLAIN.seed}]"),
    }
    sizes = {
        f"--{name.replace('_', '-')}": (str, f"{model}: size  [{_shown(value)}]")
        for model, recipe in recipes.RECIPES.items()
        for name, value in recipe.sizes.items()
    }
    for flag, (kind, text) in reversed((options | sizes).items()):
        function = click.option(flag, type=kind, default=None, help=text)(function)
    return function


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


@click.command("train", cls=SeedSpelling)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--model", type=click.Choice(list(recipes.RECIPES)), help="What is trained; else model.name.")
@click.option("--save-path", type=click.Path(path_type=Path, file_okay=False), default=Path("outputs"))
@click.option("--run-name", default="r1", show_default=True, help="Folder below --save-path.")
@click.option(
    "--from", "load_path", type=click.Path(path_type=Path), help="A checkpoint folder to begin with."
)
@click.option("--epochs", type=click.IntRange(min=1), help="Stop after so many epochs of this call.")
@click.option("--max-minutes", type=click.FloatRange(min=0), help="Stop after so many minutes of this call.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    help="auto: a GPU if there is one.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Threads that read and augment clips.")
@click.option("--amp/--no-amp", default=None, help="Half precision on a GPU  [amp]")
@click.option("--dataset", help="Refuse to train on any other than this: esc50, classes.")
@_settings
@common
def command(
    session: Session,
    *,
    data: Path,
    model: str | None,
    save_path: Path,
    run_name: str,
    load_path: Path | None,
    epochs: int | None,
    max_minutes: float | None,
    device: str,
    jobs: int | None,
    dataset: str | None,
    **given: Any,
) -> None:
    """Train on DATA, a folder from `deploy prepare esc50` or `classes`, or go on where the run was left.

    The defaults are the published command line of EAT-S on ESC-50, which works as it stands, with DATA before it.
    In brackets: what holds for eat; kws and efficientat differ in some (docs/training.md).
    """
    from deployer import training

    told = {name: _value(name, value) for name, value in given.items() if value is not None}
    name = model or session.deployment.settings.model.name
    recipes.of(name)
    if dataset is not None:
        _require(data, dataset)
    if load_path is not None:
        told = _with_sizes_of(load_path, name, told)
    settings = recipes.settings(name, told)
    limits = Limits(epochs=epochs, max_minutes=max_minutes, device=device, jobs=jobs)
    with session.progress() as emit:
        report = training.run(data, folder_of(save_path, run_name), settings, limits=limits, emit=emit)
    session.show(report.as_data(), lambda: click.echo(report.as_text()))


def _value(name: str, value: Any) -> Any:
    """An option's text as the setting wants it; raises UsageError."""
    if name in ("augs", "augs_mix"):
        return tuple(word for word in value.split(",") if word and word != "none")
    default = next((r.sizes[name] for r in recipes.RECIPES.values() if name in r.sizes), "")
    try:
        if isinstance(default, list):
            return [int(word) for word in value.replace(",", " ").split()]
        return int(value) if isinstance(default, int) and isinstance(value, str) else value
    except ValueError as e:
        raise UsageError(f"--{name.replace('_', '-')} {value!r}: wants whole numbers") from e


def _with_sizes_of(folder: Path, model: str, told: dict[str, Any]) -> dict[str, Any]:
    """The settings with the sizes of a checkpoint, which none that was given may contradict."""
    from deployer.training import network

    sizes = network.sizes_of(model, folder)
    for name, value in sizes.items():
        if told.get(name, value) != value:
            raise UsageError(f"{name} is {told[name]}, but {folder} has {_shown(value)}", hint="leave it out")
    return told | sizes | {"load_path": str(folder)}


def _require(data: Path, dataset: str) -> None:
    from deployer.datasets import labelled

    found = labelled.load(data).dataset
    if found != dataset:
        raise UsageError(f"{data} is {found}, not {dataset}")
