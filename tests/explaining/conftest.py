"""One conversion, one board and one real bench for all tests; each test plants one cause in a copy of its own."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployer import at_work, cli, pipeline, resources
from deployer.project import Project
from deployer.records import RunRecord
from deployer.settings import config
from tests.boards.servers import Place, simulated

CLIPS = (
    "5-200334-A-1_22.05k.wav",
    "5-203128-A-0_22.05k.wav",
    "5-181766-A-10_22.05k.wav",
    "5-208810-A-11_22.05k.wav",
)
"""Of these the shipped model is right, so that names, answers and classes agree."""

IDS = {clip: int(clip.split("-")[3].split("_")[0]) for clip in CLIPS}

OUTPUT = """\
#!/bin/sh
printf 'inputs: %s\\nmodel path: %s\\nthreshold: 0.500000\\n' "$2" "$4"
printf 'unknown element format 5\\nfound 1 images!\\nthe input image: ./%s\\n' "$2"
case "$2" in
CASES
esac
PLANT
printf 'model invoke time: 3.000000 ms\\npost process time: 0.100000 ms\\nclass id: %s\\n' "$id"
"""


def program(plant: str = "", ids: Mapping[str, int] = IDS) -> str:
    """A board program that knows its answers; `plant` is shell that spoils `$id` before it is printed."""
    cases = "\n".join(f"{clip}) id={class_id} ;;" for clip, class_id in ids.items())
    return OUTPUT.replace("CASES", cases).replace("PLANT", plant)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A project of a test's own, and its own deploy directory on the board."""

    root: Path
    place: Place
    capsys: pytest.CaptureFixture[str] | None = None

    def write(self, **settings: Any) -> None:
        """Its deploy.yaml; `board` adds to the board's settings."""
        board = {
            "host": self.place.config.host,
            "port": self.place.config.port,
            "key": str(self.place.config.key),
            "directory": str(self.place.config.directory),
            **settings.pop("board", {}),
        }
        whole = {"audio": {"clips": "clips"}, "boards": {"desk": board}, **settings}
        (self.root / "deploy.yaml").write_text(json.dumps(whole), encoding="utf-8")

    @property
    def project(self) -> Project:
        """As its deploy.yaml stands now."""
        return Project(config.load(self.root / "deploy.yaml"))

    @property
    def clips(self) -> Path:
        """The folder of its wavs."""
        return self.root / "clips"

    def on_board(self, name: str) -> Path:
        """The content of a file of the current release, where it lies."""
        return (self.place.current / name).resolve()

    def script(self, text: str) -> str:
        """A board program of its own; gives its name for `program:`."""
        path = self.root / "planted.sh"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path.name

    def bench(self, runs: int = 1) -> RunRecord:
        """A real bench."""
        project = self.project
        return at_work.bench(project, project.deployment.board("desk"), runs=runs).record

    def explain(self, *words: str) -> tuple[int, dict[str, Any]]:
        """`deploy explain --json`: exit code and answer."""
        assert self.capsys is not None
        self.capsys.readouterr()
        code = cli.execute(["explain", "--config", str(self.root / "deploy.yaml"), "--json", "-q", *words])
        out = self.capsys.readouterr()
        return code, json.loads(out.out) if out.out.startswith("{") else {"error": out.err}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A board, a converted model, and the record of a healthy bench with the real program."""
    with pytest.MonkeyPatch.context() as patch, simulated() as place:
        root = tmp_path_factory.mktemp("lab")
        patch.setenv("DEPLOY_STATE_DIR", str(root / "state"))
        made = Bench(root=root, place=place.elsewhere("healthy"))
        made.clips.mkdir()
        for clip in CLIPS:
            shutil.copy(resources.data_dir() / "clips" / clip, made.clips / clip)
        made.write()
        pipeline.convert(made.project)
        made.bench()
        yield made


_COUNT = itertools.count()


@pytest.fixture
def fresh(
    lab: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    """A project like the lab's with nothing benched, and a deploy directory of its own."""
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    shutil.copytree(lab.clips, tmp_path / "clips")
    shutil.copytree(lab.root / ".deploy", tmp_path / ".deploy", ignore=shutil.ignore_patterns("runs"))
    made = Bench(root=tmp_path, place=lab.place.elsewhere(f"test-{next(_COUNT)}"), capsys=capsys)
    made.write()
    yield made
    for folder in made.place.files.parent.glob(f"{made.place.files.name}*"):  # the board's flash is small
        shutil.rmtree(folder)


@pytest.fixture
def benched(fresh: Bench, lab: Bench) -> Bench:
    """The same after the healthy bench, with all of its files on the board."""
    record = lab.project.history().record()
    shutil.copytree(lab.place.files, fresh.place.files, symlinks=True)
    for link in (path for path in fresh.place.files.rglob("*") if path.is_symlink()):
        target = str(link.readlink()).replace(f"/{lab.place.files.name}/", f"/{fresh.place.files.name}/")
        link.unlink()
        link.symlink_to(target)
    settings = {**record.settings, "directory": str(fresh.place.config.directory / "current")}
    fresh.project.history().add(dataclasses.replace(record, settings=settings))
    return fresh
