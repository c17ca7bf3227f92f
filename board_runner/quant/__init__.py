"""Quantisation: calibration, the `*_fixed.sim`, and its lowering to the integer program."""
