"""What was tried before, on disk: an interrupted tune goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import board_runner
from board_runner.quant.sensitivity import Site
from deployer import artifacts
from deployer.project import Project
from deployer.tuning.candidates import Result
from deployer.tuning.lab import Clips
from toolchain_wrappers import intake


class Tried:
    """What was tried with one model, set of clips and arithmetic; written after each candidate."""

    def __init__(self, path: Path, identity: str) -> None:
        self._path, self._identity = path, identity
        self.sites: tuple[Site, ...] = ()
        self.results: dict[str, Result] = {}
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields["identity"] == identity:
                self.sites = intake.record(tuple[Site, ...], fields["sites"])
                self.results = intake.record(dict[str, Result], fields["results"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # nothing usable: everything is tried anew

    def keep_sites(self, sites: Sequence[Site]) -> None:
        self.sites = tuple(sites)
        self._save()

    def keep(self, result: Result) -> None:
        self.results[result.candidate.name] = result
        self._save()

    def _save(self) -> None:
        fields = {
            "identity": self._identity,
            "sites": [asdict(site) for site in self.sites],
            "results": {name: asdict(result) for name, result in self.results.items()},
        }
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
        fresh.replace(self._path)


def identity(project: Project, clips: Clips) -> str:
    """A hash over everything that decides the results."""
    digest = hashlib.sha256()
    sources = sorted(Path(board_runner.__file__).parent.rglob("*.py"))
    for path in (project.onnx, *clips.calibration, Path(), *clips.judged, Path(), *sources):
        digest.update((artifacts.sha256(path) if path != Path() else "-").encode())
    digest.update(f"{project.contract.to_json()} {project.deployment.settings.chip}".encode())
    return digest.hexdigest()
