"""`deploy models`: facts that the definitions confirm, told without building a network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from board_runner import models
from deployer import catalogue, cli, resources
from deployer.catalogue import ModelFacts, Variant
from deployer.comparison import stages
from deployer.errors import ConfigError
from toolchain_wrappers import standin

ROOT = Path(__file__).parent.parent
VARIANTS = [(facts, variant) for facts in catalogue.every() for variant in facts.variants]
CHUNK = 32
"""Encoder frames of the chunk that WeNet is counted on."""


@pytest.mark.torch
@pytest.mark.parametrize(
    ("facts", "variant"), VARIANTS, ids=[f"{facts.name} {variant.name}" for facts, variant in VARIANTS]
)
def test_the_definitions_have_the_counts_that_are_told(facts: ModelFacts, variant: Variant) -> None:
    """Each network is built and its values and products are counted, by PyTorch's own counter: to the digit."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):  # shapes alone: nothing is computed
        network, shape = _network(facts, variant)
        if shape is None:
            products = None
        else:
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                network.eval()(torch.zeros(shape))
            products = counter.get_total_flops() // 2
    trained = sum(value.numel() for value in network.parameters())
    assert (variant.parameters, variant.multiplications) == (trained, _formula(facts, variant, products))


def _network(facts: ModelFacts, variant: Variant) -> tuple[Any, tuple[int, ...] | None]:
    """The network, and the shape of the input to count on; None where no single input is counted."""
    from deployer.export import ecapa, ecapa_shape, efficientat, efficientat_sizes, kws, kws_sizes
    from deployer.export.eat import PRESETS, Eat
    from deployer.export.wenet_sizes import WenetShape
    from deployer.export.wenet_source import U2

    shape = facts.contract.inputs[0].shape
    classes = variant.classes or 0
    if facts.name == "eat":
        return Eat(replace(PRESETS[variant.name], classes=classes)), shape
    if facts.name == "ecapa":
        return ecapa.Ecapa(ecapa_shape.preset(variant.name)), shape
    if facts.name == "efficientat":
        return efficientat.build(efficientat_sizes.parse(variant.name, classes=classes)), shape
    if facts.name == "kws":
        return kws.build(kws_sizes.parse(variant.name, classes=classes)), shape
    sizes = WenetShape()
    return getattr(U2(sizes), variant.name), (1, CHUNK, sizes.width) if variant.name == "ctc" else None


def _formula(facts: ModelFacts, variant: Variant, counted: int | None) -> int | None:
    """The encoder of WeNet works chunk by chunk and has a formula, which its own tests hold against the layers."""
    from deployer.export.wenet_sizes import WenetShape, multiplications

    is_encoder = (facts.name, variant.name) == ("wenet", "encoder")
    return multiplications(WenetShape(), frames=CHUNK) if is_encoder else counted


@pytest.mark.torch
def test_every_size_that_has_a_name_is_listed() -> None:
    """A preset that the exporter gains is missing from `deploy models` until its facts are written down."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export import ecapa_shape, kws_sizes

    assert {variant.name for variant in catalogue.of("kws").variants} == set(kws_sizes.PRESETS)
    assert {variant.name for variant in catalogue.of("ecapa").variants} == set(ecapa_shape.PRESETS)


@pytest.mark.parametrize("name", models.NAMES)
def test_stages_of_the_vendor_are_told_where_the_toolchain_has_the_model(name: str, tmp_path: Path) -> None:
    """`fixed` and `offline` are claimed where the built-in tree has a folder, and with state, which needs none."""
    facts = catalogue.of(name)
    algorithm = _yaml(name)["algorithm"]
    carries = any(spec.name in models.get(name).CARRY for spec in facts.contract.outputs)
    converts = carries or (standin.make(tmp_path).models_dir / algorithm).is_dir()
    assert converts == ({"fixed", "offline"} <= set(facts.stages))
    assert bool(facts.lacks) != (facts.stages == catalogue.STAGES)


def test_stages_are_those_of_compare_sim() -> None:
    """One order, one spelling."""
    assert catalogue.STAGES == stages.NAMES


def test_the_table_and_json_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Every variant with its counts in both; `deploy models NAME --json` is that model's entry."""
    assert cli.execute(["models"]) == 0
    table = capsys.readouterr().out
    assert cli.execute(["models", "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in known] == list(models.NAMES)
    for entry in known:
        for variant in entry["variants"]:
            assert f"{variant['parameters']:,}".replace(",", " ") in table
        assert cli.execute(["models", entry["name"], "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == entry


@pytest.mark.parametrize("name", models.NAMES)
def test_one_model_is_told_whole(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each tensor of its contract, each source of weights with its licence, and what is missing."""
    facts = catalogue.of(name)
    assert cli.execute(["models", name]) == 0
    shown = capsys.readouterr().out
    for spec in (*facts.contract.inputs, *facts.contract.outputs):
        assert f" {spec.name} " in shown
    for entry in facts.upstream:
        assert f"{entry.source}: licence {entry.licence}" in shown
    assert facts.lacks in shown and facts.metric in shown


def test_an_unknown_model_is_answered_with_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    """The names stand in the hint."""
    assert cli.execute(["models", "yamnet"]) == 2
    assert "known models: eat, ecapa" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("title:", "heading:", "no key 'title'"),
        ("stages: [torch", "stages: [tensorflow", "no stage 'tensorflow'"),
        ("{parameters: 1448410,", "{weights: 1448410,", "weights"),
        ("licence: MIT", "license: MIT", "no key 'licence'"),
    ],
)
def test_a_wrong_file_is_named(
    old: str, new: str, fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Which file, and what is wrong in it."""
    shutil.copytree(resources.configs_dir(), tmp_path / "configs")
    path = tmp_path / "configs" / "models" / "eat.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(resources, "configs_dir", lambda: tmp_path / "configs")
    with pytest.raises(ConfigError) as refused:
        catalogue.of("eat")
    assert str(path) in str(refused.value) and fault in str(refused.value)


def test_the_list_needs_no_network() -> None:
    """Neither PyTorch, an ONNX tool, nor the exporter is loaded for it."""
    code = (
        "import sys; from deployer import cli; code = cli.execute(['models', '--json']);"
        "heavy = [m for m in ('torch', 'onnx', 'onnxruntime', 'paramiko', 'deployer.export') if m in sys.modules];"
        "print('HEAVY', heavy); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout


def test_the_page_has_every_count() -> None:
    """docs/models.md tells what the command tells."""
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    for facts, variant in VARIANTS:
        row = f"| {facts.name} | {variant.name} | {variant.parameters:,} | ".replace(",", " ")
        macs = "" if variant.multiplications is None else f"{variant.multiplications:,}".replace(",", " ")
        assert f"{row}{macs} |" in page


def _yaml(name: str) -> dict[str, Any]:
    from deployer.settings import yaml_source

    return yaml_source.read(resources.configs_dir() / "models" / f"{name}.yaml").data
