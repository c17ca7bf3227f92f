"""Checks 5 to 7 over real benches of programs that are planted on the board."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping

import pytest

from deployer import artifacts, resources
from deployer.explaining import label_order
from tests.explaining.conftest import IDS, Bench, program
from toolchain_wrappers import standin

NAMES = (resources.configs_dir() / "labels/esc50.txt").read_text(encoding="utf-8").splitlines()
PLACE = {name: at for at, name in enumerate(sorted(NAMES))}

PREVIOUS = 'old=$(cat last 2>/dev/null || echo 49); echo "$id" >last; id=$old'
TWO_BEFORE = 'echo "$id" >>all; id=$(tail -n 3 all | head -n 1)'
COUNTS = "n=$(cat count 2>/dev/null || echo 0); n=$((n + 1)); echo $n >count; id=$(((id * n * n + n) % 50))"


@pytest.mark.parametrize(
    ("plant", "check", "words"),
    [
        (PREVIOUS, "stale or truncated", "every answer is that of the clip before"),
        (TWO_BEFORE, "stale or truncated", "every answer is that of the clip 2 runs before"),
        ("id=7", "stale or truncated", "says class 7 of every clip; the simulator has 4 classes for 4 clips"),
        ("id=$((id + 50))", "stale or truncated", "outside of the model's 50 classes"),
        (COUNTS, "stale or truncated", "not the same answer for the same clip"),
        ("id=$((id + 1))", "label order", "one too high, on all 4 clips"),
        (
            'case "$id" in 10) id=12 ;; 11) id=30 ;; esac',
            "replay",
            "computes something else, on 2 of 4 clips",
        ),
    ],
)
def test_a_program_that_spoils_its_answer_is_explained(
    plant: str, check: str, words: str, fresh: Bench
) -> None:
    """The first cause that is proven is the planted one; files, chip and input are found to be fine before it."""
    fresh.write(program=fresh.script(program(plant)))
    fresh.bench(runs=2 if plant == COUNTS else 1)

    code, told = fresh.explain()

    assert (1, check) == (code, told["cause"]["check"]), told
    assert words in told["cause"]["what"]
    assert told["cause"]["cure"]
    before = {f["check"]: f["verdict"] for f in told["findings"][:-1]}
    assert {
        "contents": "fine",
        "chip and toolchain": "fine",
        "input contract": "fine",
    }.items() <= before.items()


def test_a_program_that_is_right_is_left_alone(fresh: Bench) -> None:
    """The plants are what is found, not the script that carries them."""
    fresh.write(program=fresh.script(program()))
    fresh.bench(runs=2)

    code, told = fresh.explain()

    assert (0, None) == (code, told["cause"]), told


def test_a_program_that_sorts_the_names_is_explained(fresh: Bench) -> None:
    """The board prints the place among the sorted names, the targets are in the model's order."""
    fresh.write(program=fresh.script(program(ids=_sorted_ids())))
    fresh.bench()

    code, told = fresh.explain()

    assert (1, "label order") == (code, told["cause"]["check"])
    assert "in the alphabetical order of the names" in told["cause"]["what"]


def _sorted_ids() -> Mapping[str, int]:
    return {clip: PLACE[NAMES[class_id]] for clip, class_id in IDS.items()}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (sorted(NAMES), "sorted by name"),
        (NAMES[1:] + NAMES[:1], "moved by one"),
        ([*NAMES[:10], NAMES[11], NAMES[10], *NAMES[12:]], "2 names elsewhere"),
    ],
    ids=["alphabetical", "one-less", "permuted"],
)
def test_a_label_file_in_another_order_is_found(names: list[str], words: str, benched: Bench) -> None:
    """Ids, model and clips agree, only the names do not: a fault that no board can have."""
    (benched.root / "labels.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    benched.write(model={"labels": "labels.txt"}, program=benched.script(program()))
    benched.bench()

    code, told = benched.explain()

    assert (1, "label order") == (code, told["cause"]["check"]), told
    assert words in told["cause"]["what"]
    assert "by number, 4 of 4 clips are right" in told["cause"]["evidence"][1]


def _wrong(order: str) -> dict[int, int]:
    """Ids of five classes as each mistake makes them, by hand."""
    ids = {0, 1, 10, 30, 49}
    made = {
        "one too low": {i: i - 1 for i in ids},
        "one too high, the last becoming the first": {0: 1, 1: 2, 10: 11, 30: 31, 49: 0},
        "one too low, the first becoming the last": {0: 49, 1: 0, 10: 9, 30: 29, 49: 48},
        "counted from the end": {0: 49, 1: 48, 10: 39, 30: 19, 49: 0},
        "in the alphabetical order of the names": {i: PLACE[NAMES[i]] for i in ids},
        "as if numbered in the alphabetical order of the names": {PLACE[NAMES[i]]: i for i in ids},
    }
    return made[order]


@pytest.mark.parametrize(
    "order",
    [
        "one too low",
        "one too high, the last becoming the first",
        "one too low, the first becoming the last",
        "counted from the end",
        "in the alphabetical order of the names",
        "as if numbered in the alphabetical order of the names",
    ],
)
def test_a_renumbering_is_named(order: str) -> None:
    """Each by ids that only it explains; two classes are too few, and equal ids are no renumbering."""
    pairs = list(_wrong(order).items())

    assert order == label_order.renumbering(pairs, NAMES, 50)
    assert label_order.renumbering(pairs[:2], NAMES, 50) is None
    assert label_order.renumbering([(a, a) for a, _ in pairs], NAMES, 50) is None
    assert label_order.renumbering([*pairs[:-1], (pairs[-1][0], 17)], NAMES, 50) is None


def test_an_order_of_ones_own_is_found_where_clips_repeat(fresh: Bench) -> None:
    """One renumbering, said twice by each of three classes: no known mistake, and no chance either."""
    ids = {}
    for number, (clip, class_id) in enumerate(list(IDS.items())[:3]):
        again = f"9-{number}-B-{class_id}_22.05k.wav"
        shutil.copy(fresh.clips / clip, fresh.clips / again)
        ids[clip] = ids[again] = (17, 33, 5)[number]
    fresh.write(program=fresh.script(program(ids=ids | {clip: 21 for clip in IDS if clip not in ids})))
    fresh.bench()

    code, told = fresh.explain()

    assert (1, "label order") == (code, told["cause"]["check"]), told
    assert "one renumbering of the classes" in told["cause"]["what"]


def test_names_of_the_users_own_prove_nothing(fresh: Bench) -> None:
    """Other words for the classes are no other order."""
    fresh.write(model={"labels": [f"sound {i}" for i in range(50)]}, program=fresh.script(program()))
    fresh.bench()

    code, told = fresh.explain()

    assert (0, None) == (code, told["cause"])


def test_a_model_that_counts_otherwise_than_the_clips_is_found(fresh: Bench) -> None:
    """Simulator and board agree, and both give the place among the sorted names: the files' names show it."""
    ids = {}
    for clip, class_id in IDS.items():
        renamed = clip.replace(f"-{class_id}_", f"-{NAMES.index(sorted(NAMES)[class_id])}_")
        (fresh.clips / clip).rename(fresh.clips / renamed)
        ids[renamed] = class_id
    fresh.write(program=fresh.script(program(ids=ids)))
    fresh.bench()

    code, told = fresh.explain()

    assert (1, "label order") == (code, told["cause"]["check"]), told
    assert "4 of 4 clips are right so, 0 as they are" in told["cause"]["what"]


FOREIGN = b"another maker's"

READS_FOREIGN = """
from board_runner import engine as ours
class engine:
    Engine = ours.Engine
    def load(path):
        content = path.read_bytes().removeprefix(%r)
        own = path.with_name("own.bin")
        own.write_bytes(content)
        return ours.load(own)
"""


def _of_another_maker(bench: Bench, plant: str) -> None:
    """A tree whose images only its own simulator reads, and one of them in the store."""
    tree = standin.make(bench.root / "vendor")
    simulator = tree.tools_dir / "Scripts/calibrator/simulator.py"
    text = simulator.read_text(encoding="utf-8")
    simulator.write_text(
        text.replace("from board_runner import engine\n", READS_FOREIGN % FOREIGN), encoding="utf-8"
    )
    folder = bench.root / ".deploy/artifacts/pcupid-eat"
    (folder / "eat.img").write_bytes(FOREIGN + (folder / "eat.img").read_bytes())
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["outputs"]["eat.img"] = artifacts.sha256(folder / "eat.img")
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    bench.write(
        program=bench.script(program(plant)),
        toolchain={
            "models_dir": str(tree.models_dir),
            "tools_dir": str(tree.tools_dir),
            "profile": standin.PROFILE,
        },
    )
    bench.bench()


@pytest.mark.parametrize(("plant", "cause"), [("", None), ("id=$((id + 1))", "label order")])
def test_another_makers_image_is_replayed_by_its_own_tools(
    plant: str, cause: str | None, fresh: Bench
) -> None:
    """Where the integer engine cannot read the board's image, the toolchain's simulator runs it."""
    _of_another_maker(fresh, plant)

    code, told = fresh.explain()

    assert code == (0 if cause is None else 1), told
    assert cause == (told["cause"] and told["cause"]["check"])
    if cause is None:
        replay = told["findings"][-1]
        assert ("replay", "fine") == (replay["check"], replay["verdict"])
        assert "4 of 4 clips" in replay["what"]


def test_another_makers_image_without_its_tools_is_not_judged(fresh: Bench) -> None:
    """No simulator, no verdict: what can be told without one is told."""
    (fresh.root / "ready.img").write_bytes(FOREIGN + bytes(1000))
    fresh.write(model={"image": "ready.img"}, program=fresh.script(program("id=3")))
    fresh.bench()

    code, told = fresh.explain()

    assert (0, None) == (code, told["cause"])
    last = told["findings"][-1]
    assert "cannot tell" == last["verdict"] and "no image of ours" in last["what"]
    stale = {finding["check"]: finding for finding in told["findings"]}["stale or truncated"]
    assert ["the board says class 3 of clips of 4 classes"] == stale["evidence"]


def test_a_run_without_answers_is_not_guessed_at(fresh: Bench) -> None:
    """A program that fails has its reason in the record; explain repeats it and proves nothing."""
    fresh.write(program=fresh.script('#!/bin/sh\necho "MI_IPU_Invoke error, ret 17"\n'))
    assert not fresh.bench().samples

    code, told = fresh.explain()

    last = told["findings"][-1]
    assert (0, "cannot tell", "the run has no class ids") == (code, last["verdict"], last["what"])
    assert "gave no result" in last["evidence"][0]
