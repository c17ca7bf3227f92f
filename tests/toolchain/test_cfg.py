"""The cfg file: kept to the byte, set value by value, and checked against board and folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import findings
from toolchain_wrappers.sigmastar.cfg import KEYS, Cfg, CfgModel
from toolchain_wrappers.sigmastar.cfg_check import check

CASES = sorted((Path(__file__).parent / "cfg").glob("*.cfg"))
EAT = CfgModel(name="eat_sim", input_size="0", ini="input_config.ini", class_num="0", image="eat.img")

_KEY = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
_WORD = st.text(st.characters(exclude_characters="\n\r#\"'", exclude_categories=["Cs"]), max_size=12)
_COMMENT = st.one_of(st.just(""), _WORD.map(lambda word: f"  # {word}"))
_BLANKS = st.sampled_from(["", " ", "   ", "\t"])
_QUOTE = st.sampled_from(["", '"', "'"])
_SETTING = st.tuples(_KEY, _BLANKS, _BLANKS, _QUOTE, _WORD, _COMMENT).map(
    lambda parts: f"{parts[0]}{parts[1]}={parts[2]}{parts[3]}{parts[4]}{parts[3]}{parts[5]}"
)
_LINE = st.one_of(_SETTING, _KEY.map(lambda name: f"[{name}]"), _WORD, _COMMENT, st.just(""))
_FILES = st.tuples(st.lists(_LINE, max_size=12), st.sampled_from(["\n", "\r\n"]), st.booleans()).map(
    lambda parts: parts[1].join(parts[0]) + (parts[1] if parts[2] else "")
)


def _load(name: str) -> Cfg:
    return Cfg.load(Path(__file__).parent / "cfg" / f"{name}.cfg")


def _tree(folder: Path) -> Path:
    (folder / "onnx").mkdir()
    (folder / "quant_data").mkdir()
    (folder / "onnx/eat_sim.onnx").touch()
    (folder / "input_config.ini").touch()
    return folder


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_file_is_written_as_it_was_read(path: Path, tmp_path: Path) -> None:
    """An untouched file comes back byte for byte, whatever its line ends, comments, quotes and blanks."""
    Cfg.load(path).save(tmp_path / "copy.cfg")

    assert path.read_bytes() == (tmp_path / "copy.cfg").read_bytes() == Cfg.load(path).encoded()


@given(st.one_of(_FILES, st.text()))
def test_any_text_survives(text: str) -> None:
    """No text whatever is changed by being read."""
    assert text == Cfg.parse(text).text()


@given(_FILES, _KEY, _WORD)
def test_a_value_that_is_set_reads_back(text: str, key: str, value: str) -> None:
    """What is set is what is read, also after writing, in files of any shape; every other value stays."""
    cfg = Cfg.parse(text)
    sections = cfg.sections()
    assume(len(set(sections)) == len(sections))
    section = sections[-1] if sections else ""
    before = cfg.source.settings()
    assume(len([s for s in before if s.section == section and s.key.casefold() == key.casefold()]) <= 1)

    changed = Cfg.parse(cfg.with_value(key, value, section=section).text())

    def others(found: Cfg) -> list[tuple[str, str, str]]:
        rows = [(s.section, s.key, s.value) for s in found.source.settings()]
        return [row for row in rows if (row[0], row[1].casefold()) != (section, key.casefold())]

    assert value == changed.get(key, section=section)
    assert others(cfg) == others(changed)


@given(_FILES, _WORD, st.integers(min_value=0, max_value=20))
def test_setting_changes_one_line_and_not_its_comment(text: str, value: str, which: int) -> None:
    """With a value set, all other lines are the same, and in its own so are the key and the comment."""
    cfg = Cfg.parse(text)
    before = cfg.source.settings()
    assume(before and len({(s.section, s.key.casefold()) for s in before}) == len(before))
    setting = before[which % len(before)]

    lines = cfg.with_value(setting.key, value, section=setting.section).source.lines

    index = setting.line - 1
    old, new = cfg.source.lines[index], lines[index]
    assert cfg.source.lines[:index] + cfg.source.lines[index + 1 :] == lines[:index] + lines[index + 1 :]
    assert old.text[: old.start] == new.text[: new.start]
    assert old.text[old.stop :].lstrip(" ") == new.text[new.stop :].lstrip(" ")
    assert old.end == new.end


def test_the_published_file_means_what_the_vendor_says() -> None:
    """The file of the vendor's page gives its chip, its one model and its data folder, comments apart."""
    cfg = _load("eat_as_published")

    assert (EAT,) == cfg.models()
    assert ("pcupid",) == cfg.items("CHIP_LIST")
    assert "quant_data" == cfg.get("QUANT_DATA_PATH")
    assert ("EAT",) == cfg.sections()


def test_a_comment_keeps_its_column() -> None:
    """A longer or shorter value moves the blanks before an aligned comment, not the comment."""
    cfg = _load("aligned")

    for value in ("x", "much_longer_name"):
        line = cfg.with_value("Model_LIST", value).text().splitlines()[3]
        assert f"Model_LIST={value}" == line.split()[0]
        assert cfg.text().splitlines()[3].index("#") == line.index("#")


def test_a_key_is_found_in_any_case_and_keeps_its_own() -> None:
    """`MODEL_LIST` finds the vendor's `Model_LIST`, which stays spelled so."""
    cfg = _load("aligned").with_value("MODEL_LIST", "other")

    assert "\nModel_LIST=other " in cfg.text()


def test_a_key_of_two_sections_wants_the_section() -> None:
    """Which section is meant is not guessed; the message has both lines, and the named one alone is changed."""
    cfg = _load("crlf_two_sections")

    with pytest.raises(ToolchainError, match=r"CHIP_LIST.*2 in \[EAT\], 11 in \[YOLO\]") as caught:
        cfg.get("CHIP_LIST")
    assert "name the section" == caught.value.hint

    changed = cfg.with_value("CHIP_LIST", "maruko", section="YOLO")
    assert cfg.text().replace("iford\t# another", "maruko\t# another") == changed.text()


def test_lists_are_parted_as_the_file_parts_them() -> None:
    """A comma wins, then a blank; a file of single entries tells nothing; the caller may say."""
    blank, comma, single = (_load(n) for n in ("blank_separated", "crlf_two_sections", "aligned"))

    assert (" ", ",", None) == (blank.detect(), comma.detect(), single.detect())
    assert ("a", "b", "c") == tuple(model.name for model in blank.models())
    assert ("eat.img", "small.img") == tuple(m.image for m in comma.models(section="EAT"))
    assert ("a b c",) == blank.items("Model_LIST", separator=",")
    assert (
        "SAVE_NAME_LIST='x.img y.img' # quoted"
        in blank.with_items("SAVE_NAME_LIST", ["x.img", "y.img"]).text()
    )


def test_unequal_lists_are_refused_with_their_lengths() -> None:
    """A missing entry names every parallel list and how long it is."""
    cfg = _load("blank_separated").with_value("INPUT_INI_LIST", "x.ini y.ini")

    with pytest.raises(ToolchainError, match=r"Model_LIST 3, INPUT_SIZE_LIST 3, INPUT_INI_LIST 2"):
        cfg.models()


@pytest.mark.parametrize(("separator", "item"), [(",", "a,b"), (" ", "a b"), (",", " a"), (",", "")])
def test_an_entry_that_would_be_two_is_refused(separator: str, item: str) -> None:
    """An entry that holds the separator, or that is lost between two, is not written."""
    with pytest.raises(ToolchainError, match="cannot be an entry"):
        _load("aligned").with_items("Model_LIST", ["x", item], separator="," if separator == "," else " ")


@pytest.mark.parametrize("value", ["two\nlines", "a\r", "both \" and ' and #"])
def test_a_value_that_no_line_holds_is_refused(value: str) -> None:
    """A value that would read back otherwise is an error that names the key, not a damaged file."""
    with pytest.raises(ToolchainError, match="Model_LIST"):
        _load("aligned").with_value("Model_LIST", value)


def test_a_new_file_has_the_vendors_keys_in_the_vendors_order() -> None:
    """A file from nothing reads back, and its keys stand as on the vendor's page."""
    small = CfgModel(name="small", input_size="0", ini="s.ini", class_num="0", image="small.img")
    cfg = Cfg.new(section="EAT", chips=["pcupid", "iford"], models=[EAT, small], data="quant_data")

    again = Cfg.parse(cfg.text())

    assert KEYS == tuple(setting.key for setting in again.source.settings("EAT"))
    assert (EAT, small) == again.models()
    assert ("pcupid", "iford") == again.items("CHIP_LIST")


def test_a_good_file_has_no_findings(tmp_path: Path) -> None:
    """The vendor's own file, on its chip and with its files in place, is beyond reproach."""
    cfg = _load("eat_as_published")

    assert [] == check(cfg, chip="pcupid", algorithm_dir=_tree(tmp_path), separator=",")


@pytest.mark.parametrize(
    ("key", "value", "fault", "hint"),
    [
        ("CHIP_LIST", "iford", r":2: \[EAT\] CHIP_LIST: 'iford' is not the board's chip 'pcupid'", "=pcupid"),
        ("Model_LIST", "eat_sin", r":3: .*there is no .*eat_sin\.onnx", "did you mean 'eat_sim.onnx'?"),
        ("Model_LIST", "eat_sim.onnx", "has its suffix", "write eat_sim"),
        ("INPUT_INI_LIST", "input.ini", r":5: .*there is no .*input\.ini", "input_config.ini"),
        ("INPUT_SIZE_LIST", "640", r":4: .*'640' is not 0", "set INPUT_SIZE_LIST to 0"),
        ("CLASS_NUM_LIST", "50", r":6: .*'50' is not 0", "set CLASS_NUM_LIST to 0"),
        ("QUANT_DATA_PATH", "data", r":8: .*there is no .*data", ""),
        ("Model_LIST", "a,b", "lists of unequal length: Model_LIST 2", "an entry for each model"),
        ("CHIP_LIST", '"pcupid', "is not closed", ""),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    key: str, value: str, fault: str, hint: str, tmp_path: Path
) -> None:
    """Each fault is an error with file, line, key and the wrong value; the hint has the cure."""
    text = _load("eat_as_published").text()
    old = next(line for line in text.splitlines() if line.startswith(key))
    cfg = Cfg.parse(text.replace(old, f"{key}={value} #x"), place="sed_eat.cfg")

    with pytest.raises(ToolchainError, match=rf"(?s)sed_eat\.cfg.*{fault}") as caught:
        findings.refuse(check(cfg, chip="pcupid", algorithm_dir=_tree(tmp_path)))

    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("extra", "fault", "is_warning"),
    [
        ("CHIP_LIST=iford\n", "is already set in line 2", False),
        ("just words\n", "'just words' sets nothing", False),
        ("[EAT]\n", "stands there more than once", False),
        ("QUANT_DATA=x\n", "is no key that the vendor documents", True),
    ],
)
def test_a_file_of_odd_form_is_reported(extra: str, fault: str, *, is_warning: bool) -> None:
    """Doubled keys and sections and lines without sense are errors, a key nobody documents is a warning."""
    found = check(Cfg.parse(_load("eat_as_published").text() + extra))

    assert [(fault, is_warning)] == [(finding.fault, finding.is_warning) for finding in found]


def test_a_key_without_a_value_is_reported() -> None:
    """An empty or absent key is an error by its name."""
    cfg = _load("eat_as_published").with_value("QUANT_DATA_PATH", "")

    assert ["QUANT_DATA_PATH"] == [finding.key for finding in check(cfg)]
    assert list(KEYS) == [finding.key for finding in check(Cfg.parse("[EAT]\n"))]


@given(st.one_of(_FILES, st.text()), _WORD)
def test_any_file_can_be_checked(text: str, model: str) -> None:
    """A check reports and never raises, whatever stands in the file and however long its names are."""
    for cfg in (Cfg.parse(text), _load("eat_as_published").with_value("Model_LIST", model * 99)):
        for finding in check(cfg, chip="pcupid", algorithm_dir=Path(__file__).parent, separator=","):
            assert str(finding).encode()


def test_a_separator_that_the_toolchain_does_not_read_is_reported() -> None:
    """A list parted by blanks is an error for a toolchain that is known to read commas."""
    found = check(_load("blank_separated"), separator=",")

    assert any("parted by ' ', the toolchain reads ','" in str(finding) for finding in found)


def test_two_models_may_not_share_an_image() -> None:
    """One SAVE_NAME for two models would overwrite the first image, and is an error that says so."""
    cfg = Cfg.new(section="EAT", chips=["pcupid"], models=[EAT, EAT], data="quant_data")

    assert ["'eat.img' is the name of 2 models, which overwrite each other"] == [f.fault for f in check(cfg)]


def test_a_chip_beside_the_boards_is_a_warning() -> None:
    """Converting for a second chip is allowed; only the operator is told that the board cannot run it."""
    cfg = Cfg.new(section="EAT", chips=["iford", "pcupid"], models=[EAT], data="quant_data")

    found = check(cfg, chip="pcupid")

    assert ["converts for 'iford' too, which the board 'pcupid' cannot run"] == [f.fault for f in found]
    findings.refuse(found)


def test_a_missing_file_is_an_error_in_our_tree(tmp_path: Path) -> None:
    """Reading what is not there names the path."""
    with pytest.raises(ToolchainError, match=r"absent\.cfg: cannot be read"):
        Cfg.load(tmp_path / "absent.cfg")
