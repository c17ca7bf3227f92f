# Sourced, not run; the vendor's sets its library path here as well.
export SGS_IPU_DIR=$(pwd)
export PATH="$SGS_IPU_DIR/bin:$PATH"
