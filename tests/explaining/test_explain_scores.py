"""Checks 4, 5 and 7 over tensors: a dla_simulator is planted on the board that spoils what it dumps."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from board_runner import dla_simulator
from board_runner.integer.engine import OfflineEngine
from deployer import convert as convert_step
from deployer import program
from deployer.comparison import board_stage
from deployer.explaining import dequantisation
from deployer.explaining.dequantisation import Output
from tests.explaining.conftest import Bench

SCALED = r"""awk '/^-?[0-9]/ { for (i = 1; i <= NF; i++) printf "%.6f  ", EXPRESSION; print ""; next } { print }'"""

PRINTED = SCALED.replace("EXPRESSION", "$i")

DUMPER = """\
#!/bin/sh
# As the vendor's: -i INPUT -m MODEL -c Unknown -f FORMAT; what it would compute was computed beforehand.
hash=${2#*_}; hash=${hash%.bin}
here=$(dirname "$0")
mkdir -p output
PLANT <"$here/$hash.txt" >"output/unknown_$(basename "$4")_$2.txt"
cat "$here/$hash.out"
"""


@pytest.fixture(scope="session")
def dumps(lab: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What our own dla_simulator writes and prints for the exact inputs of the clips, by a digest of each."""
    folder = tmp_path_factory.mktemp("dumps")
    project = lab.project
    image = lab.root / ".deploy/artifacts/pcupid-eat/eat.img"
    engine = OfflineEngine.load(image)
    scale = float(engine.output_scales["output"])
    for clip in project.clips:
        tensor = convert_step.model_input(project.model, project.contract, clip)
        digest = hashlib.sha256(tensor.tobytes()).hexdigest()[:8]
        (folder / f"{digest}.bin").write_bytes(tensor.tobytes())
        said = io.StringIO()
        with contextlib.chdir(folder), contextlib.redirect_stdout(said):
            dla_simulator.simulate(f"{digest}.bin", image, ["RAWDATA_NHWC"])
        (folder / f"{digest}.out").write_text(said.getvalue(), encoding="utf-8")
        text = (folder / f"output/unknown_eat.img_{digest}.bin.txt").read_text(encoding="utf-8")
        exact = [repr(float(q) * scale) for q in engine.run_raw({"images": tensor})["output"].ravel()]
        words = iter(exact)  # what is spoilt is the value, not what a print leaves of it
        whole = re.sub(r"-?\d+\.\d{6}", lambda _, left=words: next(left), text)  # type: ignore[misc]
        (folder / f"{digest}.txt").write_text(whole, encoding="utf-8")
    return folder


@pytest.fixture
def plant(benched: Bench, dumps: Path) -> Callable[..., Bench]:
    """Put a dla_simulator on the board whose dump goes through `spoil`, a shell command."""

    def planted(spoil: str, *, xor: str = "") -> Bench:
        tools = benched.place.config.directory.with_name(f"{benched.place.files.name}-tools")
        folder = benched.place.files.with_name(tools.name)
        folder.mkdir()
        for path in dumps.iterdir():
            if path.suffix in (".txt", ".out"):
                text = path.read_text(encoding="utf-8")
                (folder / path.name).write_text(
                    text.replace("XOR = 0x", f"XOR = 0x{xor}", 1), encoding="utf-8"
                )
        spoiler = spoil.replace("SCALE", repr(_scale(benched)))
        (folder / "dumper").write_text(DUMPER.replace("PLANT", spoiler), encoding="utf-8")
        (folder / "dumper").chmod(0o755)
        benched.write(board_simulator={"path": str(tools / "dumper")})
        return benched

    return planted


def _scale(bench: Bench) -> float:
    (scale,) = OfflineEngine.load(bench.root / ".deploy/artifacts/pcupid-eat/eat.img").output_scales.values()
    return float(scale)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("$i / SCALE", "as bare levels, not multiplied by the scale"),
        ("$i * SCALE", "multiplied by the scale twice"),
        ("$i + 40 * SCALE", "with a zero point that is off by -40 levels"),
    ],
)
def test_a_mistake_of_scale_is_named(expression: str, words: str, plant: Callable[..., Bench]) -> None:
    """Levels are right by their fingerprint, the printed values are not, and the mistake is told apart."""
    bench = plant(SCALED.replace("EXPRESSION", expression))

    code, told = bench.explain()

    assert (1, "dequantisation") == (code, told["cause"]["check"]), told
    assert words in told["cause"]["what"]
    assert "levels are the simulator's on 4 of 4 clips" in told["cause"]["evidence"][-1]


def test_right_scores_are_found_right(plant: Callable[..., Bench]) -> None:
    """The dumper that carries the plants is no plant itself: every check is fine."""
    code, told = plant(PRINTED).explain()

    assert (0, {"fine"}) == (code, {finding["verdict"] for finding in told["findings"]}), told


def test_our_own_simulator_on_the_board_is_asked(benched: Bench) -> None:
    """Where `compare-sim board` has put it, its tensors speak, and their levels are the host's bit for bit."""
    there = benched.place.current.resolve() / board_stage.OWN
    program.build_python_program(there, program.SIMULATOR)

    code, told = benched.explain()

    found = {finding["check"]: finding for finding in told["findings"]}
    assert (0, "fine") == (code, found["dequantisation"]["verdict"]), told
    assert "levels are the simulator's on 4 of 4 clips" in found["dequantisation"]["evidence"][0]


@pytest.mark.parametrize(
    "spoil",
    ["sed '5,$d'", "sed -e 's/\\[1 50 \\]/[1 30 ]/' -e '6,$d' -e '$a}'"],
    ids=["cut", "another-shape"],
)
def test_fewer_values_than_the_model_gives_are_found(spoil: str, plant: Callable[..., Bench]) -> None:
    """A dump that ends early, and one whose head states the smaller size as well."""
    code, told = plant(spoil).explain()

    assert (1, "stale or truncated") == (code, told["cause"]["check"]), told
    assert "fewer values than the model has, on 4 clips" in told["cause"]["what"]


def test_the_first_result_for_every_clip_is_found(plant: Callable[..., Bench]) -> None:
    """A buffer that nobody refreshed after the first invoke."""
    first = '[ -f "$here/first" ] || cp "$here/$hash.txt" "$here/first"; cat "$here/first"; cat'
    code, told = plant(f'sh -c \'here=$0; hash=$1; {first} >/dev/null\' "$here" "$hash"').explain()

    assert (1, "stale or truncated") == (code, told["cause"]["check"]), told
    assert "the board's tensors are the same for all 4 clips" in told["cause"]["what"]


def test_an_ipu_that_computes_otherwise_is_found(plant: Callable[..., Bench]) -> None:
    """Same image, same input tensor, another fingerprint, values that are no rescaling: not the program's fault."""
    wrong = SCALED.replace("EXPRESSION", "$i + (i % 2) / 50")

    code, told = plant(wrong, xor="1").explain()

    assert (1, "replay") == (code, told["cause"]["check"]), told
    assert "the board computes other levels, on 4 clips" in told["cause"]["what"]
    dequantised = {finding["check"]: finding for finding in told["findings"]}["dequantisation"]
    assert "cannot tell" == dequantised["verdict"]


def test_a_simulator_that_fails_is_no_proof(plant: Callable[..., Bench]) -> None:
    """No result is no truncated result: its words are repeated, and the rest is judged without it."""
    bench = plant(PRINTED)
    folder = bench.place.files.with_name(f"{bench.place.files.name}-tools")
    (folder / "dumper").write_text("#!/bin/sh\necho nothing today\n", encoding="utf-8")

    code, told = bench.explain()

    found = {finding["check"]: finding for finding in told["findings"]}
    assert (0, "cannot tell") == (code, found["dequantisation"]["verdict"])
    assert "nothing today" in found["dequantisation"]["what"]


def test_kept_scores_serve_without_a_board(benched: Bench, tmp_path: Path) -> None:
    """--scores takes what somebody saved of the board, in any form that compare-sim reads as a reference."""
    project = benched.project
    image = benched.root / ".deploy/artifacts/pcupid-eat/eat.img"
    engine = OfflineEngine.load(image)
    folder = tmp_path / "scores"
    folder.mkdir()
    for clip in project.clips:
        tensor = convert_step.model_input(project.model, project.contract, clip)
        levels = engine.run_raw({"images": tensor})["output"]
        np.save(folder / f"{clip.stem}.npy", levels.astype(np.float32))  # nobody multiplied

    code, told = benched.explain("--offline", "--scores", str(folder))

    assert (1, "dequantisation") == (code, told["cause"]["check"]), told
    assert "as bare levels" in told["cause"]["what"]


def test_kept_scores_must_be_scores(benched: Bench, tmp_path: Path) -> None:
    """A file of other numbers is refused with the shape that is wanted; what is cut off is the cause it was."""
    project = benched.project
    engine = OfflineEngine.load(benched.root / ".deploy/artifacts/pcupid-eat/eat.img")
    clip = project.clips[0]
    levels = engine.run_raw({"images": convert_step.model_input(project.model, project.contract, clip)})[
        "output"
    ]
    for name, values in {
        "numbers": np.arange(40.0),
        "cut": levels.ravel()[:40].astype(np.float32),
        "levels": levels,
        "noise": np.random.default_rng(1).normal(size=levels.shape),
    }.items():
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / f"{clip.stem}.npy", values)

    refused, told = benched.explain("--offline", "--scores", str(tmp_path / "numbers"))
    assert 2 == refused
    assert "no scores of this model" in told["error"] and "output [1, 50]" in told["error"]

    cut, told = benched.explain("--offline", "--scores", str(tmp_path / "cut"))
    assert (1, "stale or truncated") == (cut, told["cause"]["check"])
    assert "holds 40 values, the first of the model's 50" in told["cause"]["evidence"][0]

    for name, verdict in {"levels": "fine", "noise": "cannot tell"}.items():
        _, told = benched.explain("--offline", "--scores", str(tmp_path / name))
        found = next(each for each in told["findings"] if each["check"] == "dequantisation")
        assert verdict == found["verdict"]
        assert (name == "noise") == any("are they of these clips?" in line for line in found["evidence"])


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda q, s, z: q * s, "without the zero point taken off"),
        (lambda q, s, z: (q - 2 * z) * s, "with the zero point taken off twice"),
        (lambda q, s, z: (q + z) * s, "with the zero point added in place of taken off"),
        (lambda q, s, z: q - z, "as levels less their zero point, not multiplied by the scale"),
        (lambda q, s, z: (q - z) / s, "divided by the scale in place of multiplied"),
        (lambda q, s, z: (q - z) * 2 * s, "with another scale, 2 times the image's"),
        (
            lambda q, s, z: (q - z) * s + np.where(q == q.max(), np.inf, 0),
            "with values that are not finite (NaN or infinity)",
        ),
        (lambda q, s, z: (q - z) * s, None),
        (lambda q, s, z: np.sin(q), None),
    ],
)
def test_every_mistake_is_told_from_the_others(
    mistake: Callable[[np.ndarray, float, int], np.ndarray], words: str | None
) -> None:
    """Images of other makers have zero points: real = (level - zero) * scale is the definition held against."""
    levels = np.random.default_rng(3).integers(-20000, 20000, 200).astype(np.float64)
    scale, zero = 0.0173, -77

    board = np.round(mistake(levels, scale, zero), 6)
    given = Output(name="y", board=board, levels=levels, scale=scale, zero=zero, rounding=0.5e-6)

    assert words == dequantisation.mistake(given)
