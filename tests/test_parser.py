"""Logs to records: the transcripts, made-up mishaps, and properties that hold for any of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.logs import parser
from deployer.logs.parser import RunOutput

FOLDER = Path(__file__).parent / "transcripts"
LOGS = sorted(path for path in FOLDER.rglob("*") if path.suffix in (".txt", ".log"))
EAT = (FOLDER / "eat_pcupid_reflowed.DERIVED.txt").read_text(encoding="utf-8")
ONE_LINE = (FOLDER / "eat_pcupid_seed_raw.txt").read_text(encoding="utf-8")
OUTPUT = EAT.split("models/eat.img\n", 1)[1].replace("client [836] connected, module:ipu\n", "")


def _shown(output: RunOutput) -> Any:
    values = {key: value for key, value in asdict(output).items() if value is not None}
    if output.error is not None:
        values["error"] = output.error.message
    return json.loads(json.dumps(values))  # tuples as lists


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_a_log_gives_what_stands_beside_it(log: Path) -> None:
    """Each transcript's runs and its first known failure are those of the JSON file of the same name."""
    expected = json.loads(log.with_suffix(".json").read_text(encoding="utf-8"))
    content = log.read_bytes()
    failure = parser.find_failure(content)

    assert expected["runs"] == [_shown(output) for output in parser.parse_stream(content)]
    assert expected["failure"] == (failure.message if failure else None)


def test_the_pasted_line_and_the_log_with_line_breaks_agree() -> None:
    """A paste that lost its line breaks loses nothing else."""
    (one,) = parser.parse_stream(ONE_LINE.split("\n", 1)[1])
    (other,) = parser.parse_stream(EAT.split("\n", 1)[1])

    assert one == other
    assert (one.invoke_ms, one.post_process_ms, one.class_id) == (57.121, 0.181, 32)


@given(st.integers(0, len(OUTPUT) - 1))
def test_a_cut_stream_is_never_complete(length: int) -> None:
    """Wherever the connection breaks, no half number is taken for a result."""
    outputs = parser.parse_stream(OUTPUT[:length])

    assert not any(output.complete for output in outputs)


@given(
    st.integers(0, len(OUTPUT) - 1),
    st.sampled_from(
        [
            "client [1051] connected, module:ipu\n",
            "[    8.915355] client [727] disconnected, module:ipu\n",
            "client [1051] disconnected,\nmodule:panel\n",
            "------shutdown IPU0------\n",
        ]
    ),
)
def test_a_kernel_line_anywhere_changes_nothing(place: int, line: str) -> None:
    """The kernel writes into the middle of words and numbers; what the program said stays the same."""
    assert parser.parse_stream(OUTPUT) == parser.parse_stream(OUTPUT[:place] + line + OUTPUT[place:])


ANSWERS = [
    (FOLDER / "cases" / f"{name}.log").read_text(encoding="utf-8")
    for name in ("two_embeddings", "transcript")
]


@given(st.sampled_from(ANSWERS), st.data())
def test_an_answer_of_many_lines_is_whole_or_none(log: str, data: st.DataObject) -> None:
    """However a log is cut, and whichever of its lines is lost or spoilt, no answer becomes another one."""
    known = {output.said for output in parser.parse_stream(log)}
    lines = log.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    spoilt = lines[place].replace(data.draw(st.sampled_from("0123456789abcdef")), "7")
    before, after = "".join(lines[:place]), "".join(lines[place + 1 :])

    for text in (log[: data.draw(st.integers(0, len(log)))], before + after, before + spoilt + after):
        assert {output.said for output in parser.parse_stream(text) if output.complete} <= known


@given(st.binary(max_size=400))
@settings(max_examples=50)
def test_noise_before_and_after_is_no_run(noise: bytes) -> None:
    """Any bytes around a run, on lines of their own, leave it whole."""
    outputs = parser.parse_stream(noise + b"\n" + OUTPUT.encode() + noise)

    assert 32 in [output.class_id for output in outputs]


FAILURE_LINES = [
    line.removeprefix("[O] ").removeprefix("[E] ").replace(" code N ", " code 97 ")
    for line in (FOLDER / "board_failures.DERIVED.txt").read_text(encoding="utf-8").splitlines()
    if line
    and not line.startswith(("#", "usage", "[O] demo_args", "[O] unknown element", "USAGE", "ipu log is off"))
]


@pytest.mark.parametrize("line", FAILURE_LINES)
def test_every_known_failure_line_is_recognised(line: str) -> None:
    """No line that programs, library, loader or shell print on failure passes unnoticed."""
    assert parser.find_failure(line) is not None


@pytest.mark.parametrize("number", ["54", "-54", "-1608318922"])
def test_an_error_number_is_put_in_words(number: str) -> None:
    """Bare, negative or inside a module's code: the same words and the same cure."""
    failure = parser.find_failure(f"create ipu channel failed({number})!")

    assert failure is not None
    assert "the model is for another chip" in failure.message
    assert "chip:" in failure.hint


def test_what_was_asked_for_is_checked() -> None:
    """A result for another wav or another model is told apart; the folder of the wav does not matter."""
    (output,) = parser.parse_stream(EAT)

    assert [] == parser.check_asked(output, "clips/1-137-A-32_22.05k.wav", "./models/eat.img")
    assert 2 == len(parser.check_asked(output, "other.wav", "models/eat.img"))
    assert ["asked for model models/new.img, it used models/eat.img"] == parser.check_asked(
        output, None, "models/new.img"
    )


def test_the_simulators_output_gives_times_and_fingerprint() -> None:
    """`dla_simulator` tells a time a sample and one XOR over all outputs."""
    text = (FOLDER / "board_dla_simulator_stdout.DERIVED.txt").read_bytes()

    found = parser.parse_simulator(text)

    assert ((57.0123,), 0x073E6A03, True) == (found.invoke_ms, found.outputs_xor, found.done)
    assert parser.parse_simulator("").outputs_xor is None
