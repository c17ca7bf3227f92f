"""Ascend's steps as data, its console, and the whole chain against the stand-in."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner.contract import Array, TensorSpec
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph, Node
from deployer import shell
from toolchain_wrappers import ascend, ascend_console
from toolchain_wrappers.ascend import Job, Route, Step, Toolkit
from toolchain_wrappers.ascend_console import Console, Throughput
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.standin import ascend as standin

CASES = Path(__file__).parent / "ascend"
MELS, FRAMES, CHANNELS, SIZE = 8, 20, 16, 6
SAMPLES = 26  # six whole batches of four, and two left over


def _expected(name: str) -> Any:
    return json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))


def _text(name: str, suffix: str = ".txt") -> str:
    return (CASES / f"{name}{suffix}").read_text(encoding="utf-8")


def _network(channels: int = CHANNELS, batch: int = -1) -> Graph:
    """A convolution over time, its mean, a dense layer: an embedding and the map before it."""
    rng = np.random.default_rng(5)

    def weights(*shape: int) -> Array:
        return rng.standard_normal(shape).astype(np.float32)

    def node(op: str, inputs: str, output: str, **attributes: object) -> Node:
        return Node(
            op_type=op, name=output, inputs=tuple(inputs.split()), outputs=(output,), attributes=attributes
        )

    return Graph(
        nodes=(
            node("Conv", "mel w1 b1", "c1", kernel_shape=[5], pads=[2, 2]),
            node("Relu", "c1", "map"),
            node("ReduceMean", "map", "mean", axes=[2], keepdims=0),
            node("Gemm", "mean w2 b2", "embedding", transB=1),
        ),
        initializers={
            "w1": weights(channels, MELS, 5),
            "b1": weights(channels),
            "w2": weights(SIZE, channels),
            "b2": weights(SIZE),
        },
        inputs=(TensorSpec(name="mel", dtype="float32", shape=(batch, MELS, FRAMES)),),
        outputs=(
            TensorSpec(name="embedding", dtype="float32", shape=(batch, SIZE)),
            TensorSpec(name="map", dtype="float32", shape=(batch, channels, FRAMES)),
        ),
        opset=13,
    )


def _job(folder: Path, toolkit: Toolkit, **changes: Any) -> Job:
    """A job in a folder of its own, whose name a shell would take apart."""
    work, data = folder / "work $(touch hit) 'dir'", folder / "data; set"
    work.mkdir(parents=True)
    data.mkdir()
    model = folder / "net $HOME.onnx"
    _network().save(model)
    rng = np.random.default_rng(6)
    for index in range(SAMPLES):
        np.save(data / f"{index:03d}.npy", rng.standard_normal((MELS, FRAMES)).astype(np.float32))
    job = Job(
        toolkit=toolkit,
        model=model,
        input_name="mel",
        sample_shape=(MELS, FRAMES),
        work=work,
        data=data,
        samples=SAMPLES,
        batches=(1, 4),
    )
    return replace(job, **changes)


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory: pytest.TempPathFactory) -> Toolkit:
    return standin.make(tmp_path_factory.mktemp("a tree") / "Ascend")


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Toolkit:
    return standin.make(tmp_path_factory.mktemp("lenient"), exit_zero=True)


@pytest.fixture
def job(tmp_path: Path, toolkit: Toolkit) -> Job:
    return _job(tmp_path, toolkit)


def _drive(step: Step, lines: list[str] | None = None) -> str:
    """What a driver does with one step; gives the text of a step that kept its promises."""
    before = ascend.seen(step)
    ran = shell.stream(
        step.argv,
        cwd=step.cwd,
        env=step.env,
        log=step.cwd / "log.txt",
        on_line=(lines if lines is not None else []).append,
        idle_timeout_s=60,
    )
    text = ran.log.read_text(encoding="utf-8")
    ascend.judge(step, before=before, exit_status=ran.exit_status, text=text)
    return text


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("run_*.json")))
def test_a_run_gives_the_figures_that_were_written_down_for_its_text(name: str) -> None:
    """Milliseconds of one sample become those of one batch; figures that cannot be trusted are refused."""
    case = _expected(name)
    batch, shape = case["batch"], tuple(case["sample_shape"])
    if "error" in case:
        with pytest.raises(ToolchainError, match=case["error"]):
            ascend_console.parse(_text(name), batch=batch, sample_shape=shape)
        return

    row = ascend_console.parse(_text(name), batch=batch, sample_shape=shape)

    assert row.input_shape == tuple(case["input_shape"])
    assert row.invoke_ms == pytest.approx(case["invoke_ms"], rel=1e-9)
    assert row.samples_per_s == pytest.approx(case["samples_per_s"], rel=1e-9)


def test_another_wording_is_a_matter_of_fields() -> None:
    """A release that prints milliseconds a batch in other words is read by changing Console alone."""
    other = Console(
        latency_ms=r"NPU mean: (?P<value>[\d.]+) ms", rate="no such (?P<value>figure)", latency_of="batch"
    )

    row = ascend_console.parse("NPU mean: 7.5 ms\n", batch=3, sample_shape=(80, 200), console=other)

    assert row == Throughput(batch=3, input_shape=(3, 80, 200), invoke_ms=7.5)
    assert row.samples_per_s == pytest.approx(400)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"latency_ms": r"mean: ([\d.]+) ms"}, "latency_ms wants a group called value"),
        ({"progress": "%"}, "progress wants a group called percent"),
        ({"failures": ("^fine", "(")}, r"failures\[1\] is no pattern"),
        ({"run_success": "*"}, "run_success is no pattern"),
    ],
)
def test_a_field_that_is_no_pattern_is_named(changes: dict[str, Any], fault: str) -> None:
    """A mistake in an overridden wording is told when it is made, by the field's name."""
    with pytest.raises(ToolchainError, match=fault):
        Console(**changes)


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("console_*.json")))
def test_the_line_that_tells_most_is_found(name: str) -> None:
    """Of a failure the code or the exception is quoted, not the general line; warnings are no failure."""
    assert Console().failure(_text(name)) == _expected(name)


def test_the_published_sweep_falls_at_batch_sixteen() -> None:
    """The vendor's own table gives the times derived by hand, and its one fall is named."""
    case = _expected("published_sweep")

    rows = ascend_console.parse_table(_text("published_sweep", ".md"), sample_shape=case["sample_shape"])

    assert [row.batch for row in rows] == case["batches"]
    assert [round(row.invoke_ms, 3) for row in rows] == case["invoke_ms"]
    assert [[a.batch, b.batch] for a, b in ascend_console.falls(rows)] == case["falls"]
    shown = ascend_console.table(rows).splitlines()
    assert [line for line in shown if "slower" in line] == [
        "| 16 | 16x80x10 | 23.111 | 692.3 | slower than the batch before |"
    ]


def test_rows_of_two_input_shapes_are_no_sweep() -> None:
    """Figures for 10 frames and for 200 never stand in one table, and no batch stands there twice."""
    short = Throughput(batch=1, input_shape=(1, 80, 10), invoke_ms=1.0)
    long = Throughput(batch=4, input_shape=(4, 80, 200), invoke_ms=4.0)

    with pytest.raises(ToolchainError, match="different inputs"):
        ascend_console.falls([short, long])
    with pytest.raises(ToolchainError, match="twice"):
        ascend_console.table([short, short])


def test_there_is_no_simulator() -> None:
    """The stage that SigmaStar has and Ascend lacks is an explicit None; all others say by what they run."""
    assert [name for name, means in ascend.stages().items() if means is None] == ["simulator"]


def test_the_vectors_are_the_documented_command_lines(job: Job) -> None:
    """atc, compile and run carry the options of the vendor's document, with one model for each batch size."""
    plain = replace(job, toolkit=replace(job.toolkit, set_env=None))
    work, model = plain.work.resolve(), plain.model.resolve()

    atc, run, *_ = ascend.steps(plain)
    compiled, run_aie, *_ = ascend.steps(replace(plain, route="aie", soc_version="Ascend910A"))
    alone, *_ = ascend.steps(replace(plain, route="aie_in_run", device_id=3))

    assert atc.argv == (
        "atc",
        "--framework=5",
        f"--model={model}",
        f"--output={work}/net $HOME_bs1",
        "--input_format=ND",
        f"--input_shape=mel:1,{MELS},{FRAMES}",
        "--soc_version=Ascend310P3",
    )
    assert run.argv[-5:] == (
        f"--data_path={plain.data.resolve()}",
        "--soc_version=Ascend310P3",
        f"--model={work}/net $HOME_bs1.om",
        "--batch_size=1",
        "--device_id=0",
    )
    assert compiled.argv[2:] == (
        f"--torch_script_path={model}",
        "--soc_version=Ascend910A",
        "--batch_size=1",
        f"--save_path={work}",
    )
    assert f"--model={work}/net $HOME_torch_aie_bs1.onnx" in run_aie.argv
    assert {"--need_compile", f"--model={model}", "--device_id=3"} <= set(alone.argv)
    assert [step.name for step in ascend.steps(plain)] == ["atc bs1", "run bs1", "atc bs4", "run bs4"]


def test_a_run_must_write_a_result_for_every_sample_of_a_whole_batch(job: Job) -> None:
    """26 samples in fours are 24 results, and the two that the runner drops are counted."""
    run = ascend.steps(replace(job, batches=(4,)))[-1]

    assert [path.name for path in run.writes] == [f"mels{n}_0.bin" for n in range(1, 25)]
    assert {path.parent for path in run.writes} == {job.work.resolve() / "result" / "output_bs4"}
    assert job.lost_samples(4) == 2
    assert replace(job, samples=None).lost_samples(4) is None


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"batches": ()}, "batch sizes"),
        ({"batches": (0,)}, "batch sizes"),
        ({"batches": (4, 4)}, "each once"),
        ({"batches": (5,)}, "26 samples give 5 whole batches of 5"),
        ({"input_name": "mel:0"}, "cannot hold the input name"),
        ({"model": Path("nowhere.onnx")}, r"nowhere\.onnx is not there"),
    ],
)
def test_what_must_fail_later_is_refused_before_the_first_step(
    job: Job, changes: dict[str, Any], fault: str
) -> None:
    """Nothing is started for sizes that are none, for too few samples, or for files that are missing."""
    with pytest.raises(ToolchainError, match=fault):
        ascend.steps(replace(job, **changes))


@pytest.mark.parametrize("line", ["Input((opt_args.batch_size, 80, 10))", "Input( (batch_size,80,10,) )"])
@pytest.mark.parametrize("route", ["aie", "aie_in_run"])
def test_a_script_for_another_input_shape_is_refused(
    job: Job, tmp_path: Path, line: str, route: Route
) -> None:
    """The published scripts hold 80x10 in their source, where no option reaches; the model's shape must match."""
    script = tmp_path / "script.py"
    script.write_text(f"inputs.append(torch_aie.{line})\n")
    tools = replace(job.toolkit, compile_script=script, run_script=script)

    with pytest.raises(ToolchainError, match=r"samples of \(80, 10\), the model has \(8, 20\)"):
        ascend.steps(replace(job, toolkit=tools, route=route))
    assert ascend.steps(replace(job, toolkit=tools, route=route, sample_shape=(80, 10)))


@pytest.mark.parametrize("route", ["om", "aie", "aie_in_run"])
def test_the_chain_computes_what_the_model_computes(job: Job, route: Route) -> None:
    """By every route each sample's result is the float engine's, for every batch size, and rows come of it."""
    job = replace(job, route=route, batches=(4,) if route != "om" else (1, 4))
    engine = FloatEngine(replace(_network(), inputs=_network(batch=1).inputs))
    lines: list[str] = []
    rows = []
    for step in ascend.steps(job):
        text = _drive(step, lines)
        if step.kind == "run":
            rows.append(ascend.result(step, text))
            files = sorted(job.data.glob("*.npy"))[: len(step.writes)]
            for path, written in zip(files, step.writes, strict=True):
                wanted = engine.run({"mel": np.load(path)[None]})["embedding"][0]
                np.testing.assert_allclose(np.fromfile(written, np.float32), wanted, rtol=1e-5, atol=1e-5)

    assert [row.input_shape for row in rows] == [(batch, MELS, FRAMES) for batch in job.batches]
    assert all(row.invoke_ms > 0 for row in rows)
    assert Console().percent([line for line in lines if Console().percent(line) is not None][-1]) == 100
    assert not list(job.work.rglob("hit"))


def test_the_example_in_the_docs_runs_as_it_stands(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What docs/ascend.md shows drives the stand-in and prints a row for each batch size."""
    text = (Path(__file__).parents[2] / "docs" / "ascend.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    job.model.rename(tmp_path / "net.onnx")
    job.data.rename(tmp_path / "samples")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path)

    exec("\n".join(blocks), {})

    rows = [line for line in capsys.readouterr().out.splitlines() if f"x{MELS}x{FRAMES} |" in line]
    assert [row.split(" | ")[1] for row in rows] == ["1x8x20", "4x8x20"]


def test_the_printed_time_is_measured(job: Job) -> None:
    """A network of 40 000 times the work takes longer, and no more than the process had."""
    times_ms = []
    for channels in (1, 40000):
        _network(channels).save(job.model)
        atc, run = ascend.steps(replace(job, batches=(1,)))
        _drive(atc)
        start = time.perf_counter()
        times_ms.append(ascend.result(run, _drive(run)).invoke_ms)
        assert 0 < times_ms[-1] < (time.perf_counter() - start) * 1000

    assert times_ms[1] > times_ms[0]


@pytest.mark.parametrize("tools", ["toolkit", "lenient"])
def test_a_wrong_chip_is_named_with_its_cure(
    tmp_path: Path, request: pytest.FixtureRequest, tools: str
) -> None:
    """A chip that atc does not know is told from the text, whether or not the exit status tells of it."""
    job = _job(tmp_path, request.getfixturevalue(tools), soc_version="Ascend999")
    step = ascend.steps(job)[0]

    with pytest.raises(ToolchainError, match=r"atc bs1 failed.*E10001.*Ascend999") as raised:
        _drive(step)

    assert "npu-smi" in raised.value.hint
    assert not step.writes[0].exists()


@pytest.mark.parametrize("tools", ["toolkit", "lenient"])
def test_a_batch_that_was_not_compiled_does_not_run(
    tmp_path: Path, request: pytest.FixtureRequest, tools: str
) -> None:
    """A model for batch 1 is refused where batch 4 is asked for, by both numbers."""
    job = _job(tmp_path, request.getfixturevalue(tools))
    atc, _, _, run = ascend.steps(job)
    _drive(atc)
    atc.writes[0].rename(ascend.compiled(job, 4))

    with pytest.raises(ToolchainError, match=r"run bs4 failed.*compiled for batch 1, not 4"):
        _drive(run)


@pytest.mark.parametrize("tools", ["toolkit", "lenient"])
def test_what_is_missing_is_a_failure_of_the_step_that_needs_it(
    tmp_path: Path, request: pytest.FixtureRequest, tools: str
) -> None:
    """An ONNX file that went after the checks, and a model that was never compiled, are named by their path."""
    job = _job(tmp_path, request.getfixturevalue(tools))
    atc, run, *_ = ascend.steps(job)
    job.model.unlink()

    with pytest.raises(ToolchainError, match=r"atc bs1 failed.*net \$HOME\.onnx\] does not exist"):
        _drive(atc)
    with pytest.raises(ToolchainError, match=r"run bs1 failed.*No such file.*net \$HOME_bs1\.om"):
        _drive(run)


def test_a_device_that_is_not_there_fails(job: Job) -> None:
    """The runner refuses a device number beyond the last, and the driver says so."""
    run = ascend.steps(replace(job, route="aie_in_run", device_id=7))[0]

    with pytest.raises(ToolchainError, match=r"run bs1 failed.*invalid device id 7"):
        _drive(run)


def test_too_few_samples_are_told_when_their_number_was_not_known(job: Job) -> None:
    """The runner's division by zero comes back with the cause: it does not time its first five batches."""
    run = ascend.steps(replace(job, route="aie_in_run", batches=(8,), samples=None))[0]

    with pytest.raises(ToolchainError, match="ZeroDivisionError") as raised:
        _drive(run)

    assert "more samples" in raised.value.hint


def test_without_its_environment_atc_fails_and_the_cure_is_named(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where set_env.sh is not sourced, the loader's line is the failure and the hint names the field."""
    assert job.toolkit.set_env is not None
    tools = replace(job.toolkit, atc=str(job.toolkit.set_env.parent / "bin" / "atc"), set_env=None)
    monkeypatch.delenv("ASCEND_TOOLKIT_HOME", raising=False)

    with pytest.raises(ToolchainError, match="libascend_hal") as raised:
        _drive(ascend.steps(replace(job, toolkit=tools))[0])

    assert "Toolkit.set_env" in raised.value.hint


def test_a_stale_model_is_not_taken_for_a_new_one(job: Job) -> None:
    """Success in words and status is none while the file is absent, empty, or an earlier run's."""
    step = ascend.steps(job)[0]
    said = _text("console_atc_warned")

    def judged() -> None:
        ascend.judge(step, before=before, exit_status=0, text=said)

    before = ascend.seen(step)
    with pytest.raises(ToolchainError, match="is not there"):
        judged()
    step.writes[0].write_bytes(b"")
    with pytest.raises(ToolchainError, match="is empty"):
        judged()
    step.writes[0].write_bytes(b"an old model")
    judged()
    before = ascend.seen(step)
    with pytest.raises(ToolchainError, match="from an earlier run"):
        judged()


def test_silence_is_not_success_unless_asked_for(job: Job) -> None:
    """Exit status 0 without the line of success is refused, and one field makes files alone count."""
    step = ascend.steps(job)[0]
    before = ascend.seen(step)
    step.writes[0].write_bytes(b"a model")

    with pytest.raises(ToolchainError, match="without saying so") as raised:
        ascend.judge(step, before=before, exit_status=0, text="done\n")

    assert "Console.atc_success" in raised.value.hint
    quiet = replace(step, console=Console(atc_success=None))
    ascend.judge(quiet, before=before, exit_status=0, text="done\n")
    with pytest.raises(ToolchainError, match="exit status 9; it printed last: done"):
        ascend.judge(quiet, before=before, exit_status=9, text="done\n")


def test_a_fixed_batch_cannot_be_compiled_for_another(job: Job) -> None:
    """A model exported at batch 1 gives no batch 4: the failure names both shapes."""
    _network(batch=1).save(job.model)
    step = ascend.steps(replace(job, batches=(4,)))[0]

    with pytest.raises(ToolchainError, match=r"\[1, 8, 20\] in the model, not \[4, 8, 20\]"):
        _drive(step)


@pytest.mark.parametrize("keep", [0, 10, 60, 120, -1])
def test_a_damaged_container_is_refused(tmp_path: Path, keep: int) -> None:
    """Cut anywhere, the stand-in's model is a ModelError, never another exception."""
    path = tmp_path / "net.om"
    standin.compiled(_network(), shape=(2, MELS, FRAMES), soc_version="Ascend310P3").save(path)
    assert standin.Compiled.load(path).graph().inputs[0].shape == (2, MELS, FRAMES)
    os.truncate(path, keep if keep >= 0 else path.stat().st_size + keep)

    with pytest.raises(ModelError):
        standin.Compiled.load(path).graph()
