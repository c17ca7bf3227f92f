"""Batch normalisation folded into the layer beside it: of ONNX graphs and of checkpoints."""
