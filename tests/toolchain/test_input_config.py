"""`input_config.ini`: kept to the byte, typed, and checked against the ONNX."""

from __future__ import annotations

import configparser
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from board_runner.contract import TensorSpec
from board_runner.graph import Graph, Node
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import findings, model_facts
from toolchain_wrappers.sigmastar.input_config import CONV, INPUT, KEYS, OUTPUT, InputConfig
from toolchain_wrappers.sigmastar.input_config_check import check
from toolchain_wrappers.sigmastar.model_facts import ModelFacts

CASES = sorted((Path(__file__).parent / "ini").glob("*.ini"))


def _tensor(name: str, *shape: int, dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)


EAT = ModelFacts(
    inputs=(_tensor("images", 1, 1, 114688),),
    outputs=(_tensor("output", 1, 50),),
    conv_inputs=("images", "/conv1/out", "/conv2/out"),
)
CAMERA = ModelFacts(
    inputs=(_tensor("left", 1, 3, 64, 64), _tensor("right", 1, 1, 64, 64)),
    outputs=(_tensor("boxes", 1, 9, 8, 8),),
    conv_inputs=("left", "conv1_in", "conv2_in"),
)

_WORD = st.text(st.characters(exclude_characters="\n\r#\"'", exclude_categories=["Cs"]), max_size=12)
_KEY = st.sampled_from([key for keys in KEYS.values() for key in keys])
_SETTING = st.builds(
    lambda mark, key, delimiter, quote, value, end: f"{mark}{key}{delimiter}{quote}{value}{quote}{end}",
    st.sampled_from(["", "#", "# ", ";"]),
    _KEY,
    st.sampled_from(["=", " = ", ": "]),
    st.sampled_from(["", '"', "'"]),
    _WORD,
    st.sampled_from(["", ";", "; #why", " ;   # why", "  "]),
)
_FILES = st.builds(
    lambda lines, end, last: end.join(lines) + (end if last else ""),
    st.lists(st.one_of(_SETTING, st.sampled_from([f"[{name}]" for name in KEYS]), _WORD), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)


def _load(name: str) -> InputConfig:
    return InputConfig.load(Path(__file__).parent / "ini" / f"{name}.ini")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_file_is_written_as_it_was_read(path: Path, tmp_path: Path) -> None:
    """An untouched file comes back byte for byte, also with comments that are not UTF-8."""
    InputConfig.load(path).save(tmp_path / "copy.ini")

    assert path.read_bytes() == (tmp_path / "copy.ini").read_bytes() == InputConfig.load(path).encoded()


@given(st.one_of(_FILES, st.text()))
def test_any_text_survives(text: str) -> None:
    """No text whatever is changed by being read."""
    assert text == InputConfig.parse(text).text()


@given(_FILES, st.sampled_from(sorted(KEYS)), _KEY, _WORD)
def test_a_value_that_is_set_reads_back_and_nothing_else_moves(
    text: str, section: str, key: str, value: str
) -> None:
    """In files of any shape a value set is the value read after writing; all others, and all comments, stay."""
    config = InputConfig.parse(text)
    assume(len([s for s in config.source.settings(section) if s.key.casefold() == key.casefold()]) <= 1)

    changed = InputConfig.parse(config.with_value(section, key, value).text())

    def others(found: InputConfig) -> list[tuple[str, str, str]]:
        rows = [(s.section, s.key, s.value) for s in found.source.settings()]
        return [row for row in rows if row[:2] != (section, key)]

    assert value == changed.get(section, key)
    assert others(config) == others(changed)
    assert [x.text for x in config.source.lines if x.kind in ("comment", "other")] == [
        x.text for x in changed.source.lines if x.kind in ("comment", "other")
    ]


@given(_FILES, _KEY, _WORD)
def test_a_line_taken_out_leaves_the_rest(text: str, key: str, value: str) -> None:
    """A key put into a file and taken out again gives a file whose other settings are untouched."""
    config = InputConfig.parse(text)
    assume(not [s for s in config.source.settings(CONV) if s.key.casefold() == key.casefold()])

    source = config.with_value(CONV, key, value).source.without(key, CONV)

    rows = [(s.section, s.key, s.value) for s in config.source.settings()]
    assert rows == [(s.section, s.key, s.value) for s in source.settings()]


def test_the_published_file_means_what_the_vendor_says() -> None:
    """The file of the vendor's page gives one raw float32 input and one int16 output, and no format forced."""
    found = _load("eat_as_published").settings()

    (given,), (made,) = found.inputs, found.outputs
    assert ("images", "RAWDATA_F32_NHWC", "RAWDATA_F32_NHWC") == (
        given.name,
        given.training_format,
        given.format,
    )
    assert (True, 1, 1, "NHWC") == (
        given.is_quantized,
        given.width_alignment,
        given.height_alignment,
        given.layout,
    )
    assert ("output", False) == (made.name, made.is_dequantized)
    assert (None, (), (), ()) == (found.conv_format, found.tensor_arrays, found.mean, found.std)


def test_an_image_model_is_read_with_its_defaults() -> None:
    """Means by colour, deviations by channel, the alignment of NV12 and lists in quotes all have their place."""
    found = _load("image").settings()

    assert [("left", True, 1), ("right", False, 2)] == [
        (entry.name, entry.is_quantized, entry.width_alignment) for entry in found.inputs
    ]
    assert ((123.5, 116.0, 103.25), (0.0, 0.0, 0.0)) == found.mean
    assert ((58.4, 57.1, 57.4), (1.0,)) == found.std
    assert ("NCHW", True) == (found.outputs[0].layout, found.outputs[0].is_dequantized)
    assert ("conv1_in", "conv2_in") == found.tensor_arrays


def test_a_key_that_a_comment_holds_back_comes_right_below_it() -> None:
    """`input_format` is set below the vendor's commented-out line and in its manner; that line stays."""
    config = _load("eat_as_published")

    changed = config.with_conv_config("CONV2D_INT16")

    held_back = '#input_format="ALL_INT16";\n'
    assert config.text().replace(held_back, held_back + 'input_format="CONV2D_INT16";\n') == changed.text()
    assert config.text() == changed.with_conv_config(None).text()


def test_named_tensors_take_the_place_of_a_format() -> None:
    """Tensors named for int16 replace the format, with `;` and in the section's place."""
    config = _load("eat_as_published").with_conv_config("ALL_INT16").with_conv_config(None, ["a", "b"])

    assert config.text().endswith('#input_format="ALL_INT16";\ntensor_arrays=a,b;\n')


def test_an_absent_section_goes_to_the_end_of_a_file_without_line_end() -> None:
    """A section that only a comment names is made at the end, in the file's own line ends and manner."""
    config = _load("crlf_colons").with_value(CONV, "input_format", "ALL_UINT8")

    assert config.text().endswith("no setting here\r\n\r\n[CONV_CONFIG]\r\ninput_format: ALL_UINT8;\r\n")


@pytest.mark.parametrize("conv_format", ["ALL_INT16", None])
def test_a_new_file_is_read_by_pythons_configparser(conv_format: str | None) -> None:
    """A file from nothing gives the vendor's kind of parser the same values, each ended by `;`."""
    config = InputConfig.new(inputs=["a", "b"], outputs=["x"]).with_conv_config(conv_format)
    parser = configparser.ConfigParser(inline_comment_prefixes=("#",))
    parser.read_string(config.text())

    assert "a,b;" == parser[INPUT]["inputs"]
    assert "RAWDATA_F32_NHWC,RAWDATA_F32_NHWC;" == parser[INPUT]["input_formats"]
    assert "FALSE;" == parser[OUTPUT]["dequantizations"]
    assert (f'"{conv_format}";' if conv_format else None) == parser[CONV].get("input_format")
    assert ["a", "b"] == [entry.name for entry in config.settings().inputs]


def test_a_name_that_a_list_cannot_hold_is_refused() -> None:
    """A tensor name with a comma would be two names: it is an error, with the key."""
    with pytest.raises(ToolchainError, match=r"\[INPUT_CONFIG\] inputs: 'a,b' cannot be"):
        InputConfig.new(inputs=["a,b"], outputs=["x"])


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("input_formats", "RAWDATA_F32", "'RAWDATA_F32' is not one of RGB,"),
        ("quantizations", "TRUE,TRUE", "has 2 entries for 1 names"),
        ("input_width_alignment", "0", "'0' is not 1 whole numbers"),
        ("std_value", "1:x", "'1:x' is not numbers"),
    ],
)
def test_the_typed_view_refuses_what_it_cannot_read(key: str, value: str, fault: str) -> None:
    """A value without a meaning is an error with file, key and value, never a default."""
    config = _load("eat_as_published").with_value(INPUT, key, value)

    with pytest.raises(ToolchainError, match=rf"eat_as_published\.ini.*{key}.*{fault}"):
        config.settings()


@pytest.mark.parametrize(("name", "model"), [("eat_as_published", EAT), ("image", CAMERA)])
def test_a_good_file_has_no_findings(name: str, model: ModelFacts) -> None:
    """A file that fits its ONNX, the vendor's own among them, is beyond reproach."""
    assert [] == check(_load(name), model)


@pytest.mark.parametrize(
    ("section", "key", "value", "fault", "hint"),
    [
        (INPUT, "inputs", "image", "'image' is not one of the ONNX's inputs: images", "'images'"),
        (INPUT, "inputs", "images,images", "has another order than", "set inputs=images"),
        (OUTPUT, "outputs", "outptu", "'outptu' is not one of the ONNX's outputs", "'output'"),
        (INPUT, "input_formats", "RAWDATA_F32_NHCW", "is not one of RGB, BGR", "'RAWDATA_F32_NHWC'"),
        (INPUT, "quantizations", "true", "'true' is not one of TRUE, FALSE", "did you mean 'TRUE'?"),
        (INPUT, "quantizations", "TRUE,FALSE", "2 entries for 1 inputs", "one entry for each"),
        (INPUT, "quantizations", "TRUE,", "has an empty entry", ""),
        (INPUT, "input_formats", "RAWDATA_S16_NHWC", "differs from the training format", "set both"),
        (INPUT, "mean", "0:0:0", "is for images, not for raw data", "delete mean"),
        (INPUT, "std_value", "1:0", "has a 0", "delete std_value"),
        (INPUT, "mean_red", "x", "'x' is not numbers", ""),
        (INPUT, "input_height_alignment", "two", "'two' is not a whole number", ""),
        (INPUT, "input_layouts", "NWHC", "'NWHC' is not one of NHWC, NCHW", "did you mean"),
        (OUTPUT, "dequantizations", "FALSE, TRUE", "has blanks inside the list", "by a comma alone"),
        (OUTPUT, "output_layouts", "HWC", "'HWC' is not one of", "did you mean 'NHWC'?"),
        (CONV, "input_format", "ALL_INT8", "is not one of ALL_UINT8, ALL_INT16", "did you mean"),
        (CONV, "tensor_arrays", "/conv1/ou", "is not the first input of a convolution", "'/conv1/out'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    section: str, key: str, value: str, fault: str, hint: str
) -> None:
    """Every rule of the vendor's manual has its message: file, line, key, wrong value, legal ones, nearest."""
    config = _load("eat_as_published").with_value(section, key, value)

    with pytest.raises(ToolchainError, match=rf"(?s)eat_as_published\.ini.*{key}.*{fault}") as e:
        findings.refuse(check(config, EAT))

    assert hint in e.value.hint
    line = config.source.find(key, section)
    assert line is not None
    assert f"eat_as_published.ini:{line.line}: [{section}] {key}: " in str(e.value)


@pytest.mark.parametrize(
    ("training", "form", "is_wrong"),
    [
        ("RGB", "BGR", True),
        ("BGR", "RGBA", True),
        ("RGB", "BGRA", True),
        ("RGB", "RGBA", False),
        ("BGR", "YUV_NV12", False),
        ("RGB", "RAWDATA_F32_NHWC", True),
        ("RAWDATA_F32_NHWC", "RGB", True),
    ],
)
def test_formats_that_go_together(training: str, form: str, *, is_wrong: bool) -> None:
    """Red and blue may not change places between training and board; raw data goes with itself alone."""
    config = _load("image").with_items(INPUT, "training_input_formats", [training, "GRAY"])

    found = check(config.with_items(INPUT, "input_formats", [form, "YUV_NV12"]), CAMERA)

    assert is_wrong == any("training format" in finding.fault for finding in found)


@pytest.mark.parametrize(
    ("dtype", "form", "outcome"),
    [
        ("float32", "RAWDATA_F32_NHWC", "fits"),
        ("int32", "RAWDATA_S16_NHWC", "fits"),
        ("complex64", "RAWDATA_COMPLEX64", "fits"),
        ("int32", "RAWDATA_F32_NHWC", "error"),
        ("float32", "RAWDATA_COMPLEX64", "error"),
        ("float32", "RGB", "error"),
        ("float32", "RAWDATA_S16_NHWC", "warning"),
    ],
)
def test_a_format_fits_the_dtype_of_the_onnx(dtype: str, form: str, outcome: str) -> None:
    """float32 goes with F32 and integers with S16; S16 for a float32 input is legal but is told."""
    config = _load("eat_as_published").with_value(INPUT, "training_input_formats", form)
    config = config.with_value(INPUT, "input_formats", form)

    found = check(config, replace(EAT, inputs=(_tensor("images", 1, 1, 114688, dtype=dtype),)))

    assert outcome == ("fits" if not found else "warning" if found[0].is_warning else "error")


def test_layouts_count_for_four_dimensions_and_not_with_alpha() -> None:
    """NCHW for a 3-D input is a warning, as it does nothing; beside RGBA any layout is an error."""
    raw = check(_load("eat_as_published").with_value(INPUT, "input_layouts", "NCHW"), EAT)
    alpha = _load("image").with_value(INPUT, "input_formats", "RGBA,YUV_NV12")
    wrong = check(alpha.with_value(INPUT, "input_layouts", "NHWC,NHWC"), CAMERA)

    assert [(True, "'NCHW' has no effect on 'images', which has 3 dimensions, not 4")] == [
        (finding.is_warning, finding.fault) for finding in raw
    ]
    assert [(False, "cannot stand with the input format 'RGBA'")] == [(f.is_warning, f.fault) for f in wrong]


def test_names_beyond_the_tools_buffer_are_refused() -> None:
    """`inputs` of more than 1024 characters is an error that has the count."""
    names = [f"{'x' * 60}{i:03}" for i in range(17)]
    model = replace(EAT, inputs=tuple(_tensor(name, 1) for name in names))

    found = check(InputConfig.new(inputs=names, outputs=["output"]), model)

    assert ["has 1087 characters, the tools read 1024"] == [finding.fault for finding in found]


def test_the_first_convolution_stays_as_it_is() -> None:
    """Naming the first convolution's input is a warning, since the tools pass over it."""
    found = check(_load("eat_as_published").with_conv_config(None, ["images", "/conv2/out"]), EAT)

    assert [(True, "tensor_arrays")] == [(finding.is_warning, finding.key) for finding in found]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("inputs=images;", "", "inputs: is missing"),
        ("[OUTPUT_CONFIG]", "[OUTPUT_CONFIG]\n[INPUT_CONFIG]", "stands there more than once"),
        ("quantizations", "inputs=x;\nquantizations", "is already set in line 2"),
        ("\nquantizations", "\n  quantizations", "read it as the rest of line 4"),
        ("inputs=images;", "inputs='images;", "is not closed"),
        ("[INPUT_CONFIG]", "\ufeff[INPUT_CONFIG]", "byte order mark"),
        ("[INPUT_CONFIG]", "inputs=images;", "stands before the first"),
    ],
)
def test_a_file_of_odd_form_is_refused(old: str, new: str, fault: str) -> None:
    """What Python's configparser would stumble over or read otherwise is an error here first."""
    config = InputConfig.parse(_load("eat_as_published").text().replace(old, new, 1))

    with pytest.raises(ToolchainError, match=fault):
        findings.refuse(check(config, EAT))


@given(st.one_of(_FILES, st.text()))
def test_any_file_can_be_checked(text: str) -> None:
    """A check reports and never raises, and a file without inputs is never beyond reproach."""
    found = check(InputConfig.parse(text), CAMERA)

    assert all(str(finding).encode() for finding in found)
    assert InputConfig.parse(text).source.settings(INPUT) or any(not f.is_warning for f in found)


def test_an_unknown_key_is_a_warning_with_the_nearest() -> None:
    """A misspelt key passes, as vendors add keys, but is told with what it may have meant."""
    found = check(_load("eat_as_published").with_value(INPUT, "input_layout", "NHWC"), EAT)

    assert [(True, "did you mean 'input_layouts'?")] == [(f.is_warning, f.hint) for f in found]


def test_facts_come_from_the_graph() -> None:
    """A loaded ONNX gives its inputs, outputs and convolution inputs, each once and in order."""
    weight = np.zeros((1, 1, 1), np.float32)
    graph = Graph(
        nodes=(
            Node(op_type="Conv", name="a", inputs=("images", "w"), outputs=("h",)),
            Node(op_type="Conv", name="b", inputs=("h", "w"), outputs=("i",)),
            Node(op_type="Conv", name="c", inputs=("h", "w"), outputs=("j",)),
            Node(op_type="Add", name="d", inputs=("i", "j"), outputs=("output",)),
        ),
        initializers={"w": weight},
        inputs=EAT.inputs,
        outputs=EAT.outputs,
        opset=13,
    )

    assert replace(EAT, conv_inputs=("images", "h")) == model_facts.of(graph)
