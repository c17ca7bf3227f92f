"""`deploy prepare voxceleb1`: windows that depend on seed and place alone, and nothing left out in silence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from board_runner import audio
from board_runner.errors import InputError
from deployer import cli
from deployer.datasets import manifest, voxceleb1
from deployer.datasets.voxceleb1 import Choice, start_frame
from deployer.errors import MissingArtifact
from deployer.events import Event, Warned

Utterance = Callable[..., Path]


def test_a_tree_becomes_wavs_and_a_manifest(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every utterance whole, speaker, video and split from its place, and a window that fits into it."""
    out = tmp_path / "out"
    assert cli.execute(["prepare", "voxceleb1", str(tree), "--out", str(out), "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    made = manifest.load(out)
    assert [clip["file"] for clip in told["clips"]] == [clip.file for clip in made.clips]
    assert (len(made.clips), made.speakers, made.left_out) == (12, ("id10001", "id10270", "id10271"), {})
    assert {clip.speaker: clip.split for clip in made.clips} == {
        "id10001": "dev",
        "id10270": "test",
        "id10271": "test",
    }
    for clip in made.clips:
        wav = audio.read_wav(out / clip.file)
        assert clip.source == f"{clip.speaker}/{clip.video}/{Path(clip.source).name}"
        assert 0 <= clip.start_frame <= 1 + wav.samples.shape[1] // 160 - 200
        assert (clip.filled_frames, (out / clip.file).read_bytes()) == (0, (tree / clip.source).read_bytes())


def test_a_window_depends_on_seed_and_place_alone(tree: Path, tmp_path: Path) -> None:
    """The same seed gives the same manifest; without a speaker the others keep their windows; another seed not."""
    first = voxceleb1.make(tree, tmp_path / "a")
    again = voxceleb1.make(tree, tmp_path / "b")
    other = voxceleb1.make(tree, tmp_path / "c", choice=Choice(seed=1))
    assert (tmp_path / "a/manifest.json").read_bytes() == (tmp_path / "b/manifest.json").read_bytes()
    assert first == again
    assert [clip.start_frame for clip in first.clips] != [clip.start_frame for clip in other.clips]
    shutil.rmtree(tree / "id10001")
    fewer = voxceleb1.make(tree, tmp_path / "d")
    assert fewer.clips == tuple(clip for clip in first.clips if clip.speaker != "id10001")


def test_every_start_is_as_likely() -> None:
    """Of 11 possible frames each is drawn 300 to 500 times in 4400, both ends included."""
    drawn = [start_frame(3, f"id1/v/{number:05}.wav", 10) for number in range(4400)]
    assert all(300 < drawn.count(frame) < 500 for frame in range(11))
    assert start_frame(0, "any", 0) == 0


def test_clips_too_short_for_a_window_are_named(
    tree: Path, tmp_path: Path, utterance: Utterance, capsys: pytest.CaptureFixture[str]
) -> None:
    """Filled up with a warning that names them, or refused; 200 frames are just enough; one frame must be there."""
    utterance(tree / "id10270" / "v-A" / "brief.wav", seconds=1.5)
    utterance(tree / "id10270" / "v-A" / "enough.wav", seconds=1.99)
    events: list[Event] = []
    made = voxceleb1.make(tree, tmp_path / "out", emit=events.append)
    filled = {clip.source: clip.filled_frames for clip in made.clips if clip.filled_frames}
    assert filled == {"id10270/v-A/brief.wav": 49}
    assert any("id10270/v-A/brief.wav" in event.message for event in events if isinstance(event, Warned))
    words = ["prepare", "voxceleb1", str(tree), "--out", str(tmp_path / "no"), "--short", "refuse", "-q"]
    assert cli.execute(words) == 2
    assert "id10270/v-A/brief.wav" in capsys.readouterr().err
    assert not (tmp_path / "no/manifest.json").exists()
    tiny = utterance(tree / "id10270" / "v-A" / "tiny.wav", seconds=0.01)
    with pytest.raises(InputError, match=rf"{tiny.name}: 160 samples"):
        voxceleb1.make(tree, tmp_path / "out")


def test_clips_that_are_too_long_are_left_out_and_told(tree: Path, tmp_path: Path) -> None:
    """With their length, in the manifest; their wavs are not there."""
    made = voxceleb1.make(tree, tmp_path / "out", choice=Choice(longest_s=3.0))
    assert len(made.clips) == len(made.left_out) == 6
    assert made.left_out["id10270/v-A/00001.wav"] == "3.10 s, the limit is 3 s"
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 6


def test_one_split_can_be_taken(tree: Path, tmp_path: Path) -> None:
    """The official test speakers, or the others; a split that is not there is said."""
    assert voxceleb1.make(tree, tmp_path / "t", choice=Choice(split="test")).speakers == (
        "id10270",
        "id10271",
    )
    shutil.rmtree(tree / "id10001")
    with pytest.raises(InputError, match="none of a speaker of the split 'dev'"):
        voxceleb1.make(tree, tmp_path / "d", choice=Choice(split="dev"))


def test_what_is_no_such_tree_is_refused(tree: Path, tmp_path: Path) -> None:
    """A missing folder, one without speakers, one's own result, a file that is no audio."""
    with pytest.raises(InputError, match="no such folder"):
        voxceleb1.make(tmp_path / "none", tmp_path / "out")
    with pytest.raises(InputError, match="no SPEAKER/VIDEO/FILE"):
        voxceleb1.make(tree / "id10270" / "v-A", tmp_path / "out")
    with pytest.raises(InputError, match="lies in"):
        voxceleb1.make(tree, tree / "out")
    (tree / "id10270" / "v-A" / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"broken\.wav"):
        voxceleb1.make(tree, tmp_path / "out")


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    """Where it is missing, cut off, or lacks a field."""
    with pytest.raises(MissingArtifact, match=r"manifest\.json"):
        manifest.load(tmp_path)
    path = tmp_path / "manifest.json"
    for text, fault in (("{", "damaged manifest"), ('{"dataset": "voxceleb1"}', "sample_rate_hz")):
        path.write_text(text)
        with pytest.raises(InputError, match=fault):
            manifest.load(path)
