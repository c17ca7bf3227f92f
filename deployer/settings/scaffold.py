"""The `deploy.yaml` that `deploy init` writes."""

from __future__ import annotations

from dataclasses import dataclass

import jinja2

from deployer.board.config import parse_address
from deployer.settings.config import Settings


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the user told us; None leaves the default in place, as a comment."""

    address: str | None = None
    key: str | None = None
    chip: str | None = None
    checkpoint: str | None = None
    models_dir: str | None = None
    tools_dir: str | None = None
    clips: str | None = None

    @property
    def chip_or_default(self) -> str:
        """The chip asked for, or the one we default to."""
        return self.chip or Settings().chip


def render(answers: Answers) -> str:
    """The text of a commented `deploy.yaml`. Raises ConfigError for a malformed address."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deployer"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # YAML; values pass through `tojson`, which is YAML too
    )
    board = parse_address(answers.address) if answers.address else None
    return environment.get_template("deploy.yaml.j2").render(
        answers=answers, board=board, defaults=Settings()
    )
