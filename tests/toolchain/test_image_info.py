"""What show_img_info.py prints, read; and how its version names a generation."""

from __future__ import annotations

import pytest

from deployer import resources
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import image_info, profile, versions

VERSIONS = profile.load(resources.configs_dir() / "toolchains").versions

TEXT = """\
\x1b[31mOffline IMG Version: 1.1.5_verified_21061809\x1b[0m
Offline Model Size: 1992690
Offline Model Max Batch Numer: 1
Offline Model Suggested Batch: [1]
Offline Model Variable Buffer Size: 5400

Input(0):
    name:\timages
    dtype:\t<class 'numpy.float32'>
    layouts:\tNHWC
    shape:\t[1, 480, 800, 3]
some chatter
Input(1):
    name:       more
    dtype:      INT16
    shape:      [1, 8]
    size:       16
Output(0):
    name:\toutput
"""


def test_version_and_tensors_are_read_in_both_spellings() -> None:
    """Numpy's class or the board program's word; tabs or blanks; a line that says nothing is passed over."""
    info = image_info.parse(TEXT.replace("\n", "\r\n"))

    assert "1.1.5_verified_21061809" == info.version
    assert ["images [1, 480, 800, 3] float32", "more [1, 8] INT16"] == [str(each) for each in info.inputs]
    assert ("output", ()) == (info.outputs[0].name, info.outputs[0].shape)
    assert str(info).startswith("1.1.5_verified_21061809: images [1, 480, 800, 3] float32, more")


@pytest.mark.parametrize("text", ["", "Output(0):\n    name:\tx\n", "RuntimeError: parse_img failed"])
def test_a_text_without_an_input_says_nothing(text: str) -> None:
    """Neither an empty one nor a traceback is taken for a description."""
    with pytest.raises(ToolchainError, match="named no input"):
        image_info.parse(text)


@pytest.mark.parametrize(
    ("folder", "version", "generation"),
    [
        ("SGS_IPU_Toolchain_25121210", "25121210", ""),
        ("SGS_IPU_Toolchain_25111209-S21", "25111209-S21", "S21"),
        ("SGS_IPU_SDK_vS1.0.9_verified_23051011", "S1.0.9_verified_23051011", "S1"),
        ("SGS_IPU_SDK_vS3.1.0", "S3.1.0", "S3"),
        ("SGS_IPU_SDK_vQ_0.1.0", "Q_0.1.0", "Q_0"),
        ("SGS_IPU_SDK_v1.1.5_verified_21061809", "1.1.5_verified_21061809", "1"),
        ("SGS_IPU_Toolchain", "unverified", ""),
    ],
)
def test_a_release_is_known_by_its_folder(
    tmp_path_factory: pytest.TempPathFactory, folder: str, version: str, generation: str
) -> None:
    """Every published form of a name, and one that says nothing."""
    place = tmp_path_factory.mktemp("release") / folder
    place.mkdir()
    found = versions.version_of(place, VERSIONS)

    assert (version, generation) == (found, versions.generation_of(found, VERSIONS))
