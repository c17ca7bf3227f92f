"""The host-side tool: from an ONNX file to a class id read back from a board."""

__version__ = "0.1.0"
