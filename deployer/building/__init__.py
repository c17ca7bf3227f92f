"""Building board programs with a vendor's SDK: what decides a build, one run of make, what is taken from it."""
