"""`deploy toolchain`: the built-in stand-in of the vendor's tree."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from deployer.cli.options import Session, common
from toolchain_wrappers import standin
from toolchain_wrappers.standin import variants


@click.group("toolchain")
def command() -> None:
    """Make a stand-in of the vendor's tools."""


@command.command("standin")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="0 is as published; any other varies what is not.",
)
@common
def make_standin(session: Session, directory: Path, seed: int) -> None:
    """Write a tree of the vendor's shape into DIRECTORY: its convert.sh converts and simulates for real."""
    variant = variants.by_seed(seed)
    made = standin.make(directory.resolve(), variant)
    section: dict[str, object] = {"models_dir": str(made.models_dir), "tools_dir": str(made.tools_dir)}
    if seed:
        section["profile"] = variant.profile()

    def text() -> None:
        import yaml

        click.echo(f"# for deploy.yaml\n{yaml.safe_dump({'toolchain': section}, sort_keys=False)}", nl=False)

    session.show({"toolchain": section, "variant": asdict(variant)}, text)
