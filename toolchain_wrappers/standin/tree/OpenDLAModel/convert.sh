#!/bin/bash
# Stand-in for the vendor's dispatcher: reads the cfg, sources the toolchain, calls the algorithm's convert.sh.
simulate=false
while getopts "a:c:p:s:d:" option; do
  case $option in
    a) algorithm=$OPTARG ;;
    c) cfg=$OPTARG ;;
    p) toolchain=$OPTARG ;;
    s) simulate=$OPTARG ;;
    d) : ;;
    *) echo "usage: convert.sh -a ALGORITHM -c CFG -p TOOLCHAIN -s false|true"; exit 1 ;;
  esac
done
top=$(cd "$(dirname "$0")" && pwd)
cd "$top" || exit 1
[ -f "$cfg" ] || { echo "no cfg file: $cfg"; exit 1; }
[ -f "$toolchain/cfg_env.sh" ] || { echo "no cfg_env.sh in $toolchain"; exit 1; }

value() { sed -n "s/^$1=\([^#]*\).*/\1/p" "$cfg" | tr -d '\r' | sed 's/[[:space:]]*$//'; }
IFS=, read -r -a chips <<<"$(value CHIP_LIST)"
IFS=, read -r -a models <<<"$(value Model_LIST)"
IFS=, read -r -a sizes <<<"$(value INPUT_SIZE_LIST)"
IFS=, read -r -a inis <<<"$(value INPUT_INI_LIST)"
IFS=, read -r -a classes <<<"$(value CLASS_NUM_LIST)"
IFS=, read -r -a names <<<"$(value SAVE_NAME_LIST)"
quant_data=$(value QUANT_DATA_PATH)

cd "$toolchain" && . ./cfg_env.sh && cd "$top" || exit 1
day=$(date +%Y%m%d)
for chip in "${chips[@]}"; do
  for i in "${!models[@]}"; do
    out="$top/output/${chip}_${day}"
    mkdir -p "$out"
    echo "==== $algorithm: ${models[$i]} for $chip ===="
    ( cd "$algorithm" && bash convert.sh "$chip" "${models[$i]}" "${sizes[$i]}" "${inis[$i]}" "${classes[$i]}" \
        "${names[$i]}" "$quant_data" "$out" "$simulate" )
  done
done
