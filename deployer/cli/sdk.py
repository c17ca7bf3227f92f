"""`deploy sdk`: the built-in stand-in of the vendor's board SDK."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from deployer.cli.options import Session, common
from toolchain_wrappers.standin import sdk


@click.group("sdk")
def command() -> None:
    """Make a stand-in of the vendor's board SDK."""


@command.command("standin")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--arch",
    type=click.Choice([*sdk.COMPILERS, "none"]),
    default="aarch64",
    show_default=True,
    help="What a defconfig is chosen for; none leaves that to you, as an SDK just unpacked does.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="0 is as published; any other varies what is not.",
)
@common
def make_standin(session: Session, directory: Path, arch: str, seed: int) -> None:
    """Write a tree of the SDK's shape into DIRECTORY: its make builds this project's own C programs."""
    variant = sdk.by_seed(seed)
    chosen = next((each for each in sdk.COMPILERS if each == arch), None)
    root = sdk.make(directory.resolve(), variant, arch=chosen)
    section: dict[str, object] = {"dir": str(root)}
    if chosen is not None:
        section |= {"defconfig": variant.defconfig(chosen), "aarch": variant.folder(chosen)}
    defconfigs = [variant.defconfig(each) for each in sdk.COMPILERS]

    def text() -> None:
        import yaml

        click.echo(f"# for deploy.yaml\n{yaml.safe_dump({'sdk': section}, sort_keys=False)}", nl=False)
        if chosen is None:
            click.echo(f"# first, in {root}/project: make {' or make '.join(defconfigs)}")

    session.show({"sdk": section, "defconfigs": defconfigs, "variant": asdict(variant)}, text)
