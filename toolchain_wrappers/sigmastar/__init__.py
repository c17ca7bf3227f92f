"""The SigmaStar toolchain: what a careful user writes, runs and reads by hand."""
