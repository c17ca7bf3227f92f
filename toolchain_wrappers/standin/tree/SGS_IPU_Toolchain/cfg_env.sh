# Sourced, not run; the vendor's sets its library path here as well.
export SGS_IPU_DIR=$(pwd)
. "$SGS_IPU_DIR/release.sh"  # what differs between releases
# Simulators side by side would otherwise fight for the cores.
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}
export PATH="$SGS_IPU_DIR/bin:$PATH"
