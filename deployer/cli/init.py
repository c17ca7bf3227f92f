"""`deploy init`."""

from __future__ import annotations

from pathlib import Path

import click

from board_runner.errors import UsageError
from deployer.settings import scaffold


@click.command("init")
@click.option("--dir", "directory", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--board", "address", help="The board's address, user@host:port.")
@click.option("--key", help="The private key file for it.")
@click.option("--chip", help="The board's chip as the toolchain names it.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="The trainer's output folder.")
@click.option("--models-dir", type=click.Path(path_type=Path), help="The vendor's OpenDLAModel folder.")
@click.option("--tools-dir", type=click.Path(path_type=Path), help="The vendor's SGS_IPU_Toolchain folder.")
@click.option("--yes", is_flag=True, help="Ask nothing; take the defaults for what no option gives.")
@click.option("--force", is_flag=True, help="Replace a deploy.yaml that is there.")
def command(directory: Path, yes: bool, force: bool, **given: object) -> None:
    """Write a commented deploy.yaml from a few questions or flags."""
    path = directory / "deploy.yaml"
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", hint="--force replaces it")
    if not yes:
        given = _ask(given)
    if given["key"] and not given["address"]:
        raise UsageError("--key is for a board", hint="name it with --board user@host:port")
    if given["key"] and not str(given["key"]).startswith("~"):
        given["key"] = Path(str(given["key"])).absolute()  # in the file it would be meant relative to that
    answers = scaffold.Answers(**{key: None if value is None else str(value) for key, value in given.items()})
    text = scaffold.render(answers)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as e:
        raise UsageError(f"{path}: cannot be written: {e.strerror}", hint="--dir names another folder") from e
    click.echo(f"wrote {path}")
    click.echo('shell completion: eval "$(_DEPLOY_COMPLETE=bash_source deploy)"')


def _ask(given: dict[str, object]) -> dict[str, object]:
    questions = {
        "address": ("Board address (user@host:port)", "root@192.168.1.10"),
        "chip": ("Chip", scaffold.Answers().chip_or_default),
        "checkpoint": ("Folder of your trained checkpoint (empty: the shipped model)", ""),
        "models_dir": ("OpenDLAModel folder (empty: the built-in stand-in)", ""),
        "tools_dir": ("SGS_IPU_Toolchain folder (empty: the built-in stand-in)", ""),
    }
    answers = dict(given)
    for key, (question, default) in questions.items():
        if answers.get(key) is None:
            answers[key] = click.prompt(question, default=default, show_default=bool(default)) or None
    return answers
