"""Published data sets -> prepared wavs and a manifest: which file is what, and which part of it is taken."""
