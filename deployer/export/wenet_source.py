"""A checkpoint folder of WeNet's U2: `args.yml` says the sizes as its recipes do, `chkpnt.pt` holds the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from board_runner.contract import InputContract
from board_runner.errors import ModelError
from board_runner.models import wenet
from board_runner.models.wenet_chunks import Chunking
from deployer.export import plain_yaml, upstream_names, weights
from deployer.export.sources import SETTINGS, WEIGHTS, settings_text
from deployer.export.wenet_decoder import Decoder
from deployer.export.wenet_encoder import Encoder
from deployer.export.wenet_graphs import Ctc
from deployer.export.wenet_sizes import WenetShape

NAMES = "wenet_u2"
"""The mapping file of the published names."""
UPSTREAM_MARK = "encoder.embed.conv.0.weight"
CLASSES_FROM = ("ctc.linear.bias", "ctc.ctc_lo.bias")

SETTINGS_OF = {
    "encoder_conf": {
        "output_size": "width",
        "attention_heads": "heads",
        "linear_units": "hidden",
        "num_blocks": "layers",
        "cnn_module_kernel": "kernel",
    },
    "decoder_conf": {
        "attention_heads": "decoder_heads",
        "linear_units": "decoder_hidden",
        "num_blocks": "decoder_layers",
    },
}
"""Section -> setting of the recipe -> size of ours."""

REQUIRED = {
    "encoder": "conformer",
    "decoder": "transformer",
    "input_layer": "conv2d",
    "normalize_before": True,
    "macaron_style": True,
    "use_cnn_module": True,
    "causal": True,
    "cnn_module_norm": "layer_norm",
    "activation_type": "swish",
    "pos_enc_layer_type": "rel_pos",
    "selfattention_layer_type": "rel_selfattn",
    "concat_after": False,
}
"""Settings that choose another network where they are there and say something else."""


class U2(nn.Module):  # type: ignore[misc]
    """Encoder, CTC and decoder as they are trained together; each is exported for itself."""

    def __init__(self, shape: WenetShape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.ctc = Ctc(shape.width, shape.tokens)
        self.decoder = Decoder(shape)


@dataclass(frozen=True, kw_only=True)
class WenetSource:
    """A trained recogniser, and how clips are cut for it."""

    folder: Path
    network: U2
    chunking: Chunking

    @property
    def parameters(self) -> int:
        """How many values were trained, in all three networks."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def contracts(self) -> dict[str, InputContract]:
        """`encoder`, `ctc` and `decoder`: what each graph expects and gives."""
        shape = self.network.shape
        return {
            "encoder": wenet.contract(
                chunking=self.chunking, width=shape.width, layers=shape.layers, kernel=shape.kernel
            ),
            "ctc": wenet.ctc_contract(width=shape.width, tokens=shape.tokens),
            "decoder": wenet.decoder_contract(width=shape.width, tokens=shape.tokens),
        }


def load(folder: Path) -> WenetSource:
    """Read a checkpoint folder; nothing that its files name is imported, built or called.

    Weights may have our names or those of WeNet 1.0. Raises MissingArtifact without the folder or a file,
    ModelError for what does not fit and for a network that is not U2 with causal conformer layers.
    """
    place = str(folder / SETTINGS)
    settings = plain_yaml.load(settings_text(folder), place)
    state = weights.read(folder / WEIGHTS)
    network = U2(_shape(settings, state, place))
    if UPSTREAM_MARK in state:
        _require_causal(settings, place)
        state = upstream_names.load(NAMES).renamed(state, network.state_dict(), folder / WEIGHTS)
    weights.load_strictly(network, state, folder / WEIGHTS)
    return WenetSource(folder=folder, network=network.eval(), chunking=_chunking(settings, place))


def _shape(settings: Mapping[Any, Any], state: Mapping[str, Tensor], place: str) -> WenetShape:
    sizes: dict[str, int] = {}
    for section, names in SETTINGS_OF.items():
        stated = settings.get(section, {})
        if not isinstance(stated, dict):
            raise ModelError(f"{place}: {section} is {stated!r}, wants settings")
        _require(stated, place)
        sizes |= {names[key]: _number(value, key, place, 1) for key, value in stated.items() if key in names}
    _require(settings, place)
    if "input_dim" in settings:
        sizes["channels"] = _number(settings["input_dim"], "input_dim", place, 1)
    tokens = next((state[name].numel() for name in CLASSES_FROM if name in state), None)
    if tokens is None:
        raise ModelError(f"{place}: the weights have neither {' nor '.join(CLASSES_FROM)}: no CTC layer")
    return WenetShape(tokens=tokens, **sizes)


def _require(settings: Mapping[Any, Any], place: str) -> None:
    for key, wanted in REQUIRED.items():
        if key in settings and settings[key] != wanted:
            raise ModelError(f"{place}: {key} is {settings[key]!r}, this exporter has {wanted!r} alone")


def _require_causal(settings: Mapping[Any, Any], place: str) -> None:
    """WeNet's own default is convolutions that look ahead; their weights have the same names and shapes."""
    if settings.get("encoder_conf", {}).get("causal") is not True:
        raise ModelError(
            f"{place}: encoder_conf does not say causal: true, so WeNet trained with convolutions that look ahead",
            hint="a network trained for streaming says so in its train.yaml",
        )


def _chunking(settings: dict[Any, Any], place: str) -> Chunking:
    plain = Chunking()
    frames = plain_yaml.lookup(settings, "decoding_chunk_size", place)
    left = plain_yaml.lookup(settings, "num_decoding_left_chunks", place)
    return Chunking(
        frames=plain.frames if frames is None else _number(frames, "decoding_chunk_size", place, 0),
        left_chunks=plain.left_chunks
        if left is None
        else _number(left, "num_decoding_left_chunks", place, -1),
    )


def _number(value: Any, key: str, place: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 10**6:
        raise ModelError(f"{place}: {key} is {value!r}, wants a whole number from {least}")
    return value
