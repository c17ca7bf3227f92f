"""Make `references.json` anew: what librosa says of `signals.sweep`, and scikit-learn of `scored`.

    pip install librosa scikit-learn && PYTHONPATH=. python tests/ecapa/make_references.py

Not a test: neither is a dependency of this project.
"""

from __future__ import annotations

import json
from pathlib import Path

import librosa
import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from tests.ecapa.scores import scored
from tests.frontends.signals import sweep

EVERY = 4
"""Frames between those that are kept."""


def main() -> None:
    """Log mels of every fourth frame (frames, 80); ROC AUC, equal error rate and best point of the scores."""
    mel = librosa.feature.melspectrogram(
        y=sweep(), sr=16000, n_fft=400, hop_length=160, power=1.0, n_mels=80, fmax=8000.0, pad_mode="reflect"
    )
    logs = np.log(np.maximum(mel, 1e-5)) / 6 + 1
    scores, target = scored()
    false_alarm, hit, _ = roc_curve(target, scores, drop_intermediate=False)
    grid = np.linspace(0, 1, 2_000_001)
    miss = 1 - np.interp(grid, false_alarm, hit)
    made = {
        "mel": [[round(float(v), 6) for v in frame] for frame in logs.T[::EVERY]],
        "roc_auc": float(roc_auc_score(target, scores)),
        "equal_error_rate": float(grid[np.argmin(np.abs(miss - grid))]),
        "youden": float(np.max(hit - false_alarm)),
    }
    path = Path(__file__).with_name("references.json")
    path.write_text(json.dumps(made) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
