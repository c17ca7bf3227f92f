"""Quantisation: calibration and the `*_fixed.sim`, the `eat.img`, and the integer arithmetic of both."""
