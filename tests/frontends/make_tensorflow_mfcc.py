"""Make `tensorflow_mfcc.json` anew: what TensorFlow's own operators say of `signals.sweep`.

    pip install tensorflow-cpu && PYTHONPATH=. python tests/frontends/make_tensorflow_mfcc.py

Not a test: TensorFlow is no dependency of this project.
"""

from __future__ import annotations

import json
from pathlib import Path

import tensorflow as tf

from tests.frontends.signals import sweep

WINDOWS = (512, 640)


def main() -> None:
    """A list of 49 frames of 10 coefficients for each window length."""
    made = {}
    for window in WINDOWS:
        spectrum = tf.raw_ops.AudioSpectrogram(
            input=sweep()[:, None], window_size=window, stride=320, magnitude_squared=True
        )
        mfcc = tf.raw_ops.Mfcc(spectrogram=spectrum, sample_rate=16000, dct_coefficient_count=10)
        made[str(window)] = [[round(float(v), 6) for v in frame] for frame in mfcc.numpy()[0]]
    path = Path(__file__).with_name("tensorflow_mfcc.json")
    path.write_text(json.dumps(made) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
