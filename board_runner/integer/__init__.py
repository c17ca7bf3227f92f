"""The integer program, its container `eat.img`, and the kernels that run it: numpy alone."""
