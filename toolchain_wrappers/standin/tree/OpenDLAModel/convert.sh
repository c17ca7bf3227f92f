#!/bin/bash
# Stand-in for the vendor's dispatcher: reads the cfg, sources the toolchain, calls the algorithm's convert.sh.
simulate=false
while getopts "a:c:p:s:d:" option; do
  case $option in
    a) algorithm=$OPTARG ;;
    c) cfg=$OPTARG ;;
    p) toolchain=$OPTARG ;;
    s) simulate=$OPTARG ;;
    d) on_ipu=$OPTARG ;;
    *) echo "usage: convert.sh -a ALGORITHM -c CFG -p TOOLCHAIN -s false|true"; exit 1 ;;
  esac
done
top=$(cd "$(dirname "$0")" && pwd)
cd "$top" || exit 1
. ./variant.sh  # what the vendor has not published, chosen by seed
[ -f "$cfg" ] || { echo "no cfg file: $cfg"; exit 1; }
[ -f "$toolchain/cfg_env.sh" ] || { echo "no cfg_env.sh in $toolchain"; exit 1; }
[ -z "$on_ipu" ] || simulate=false  # as the vendor's: -d drops -s in silence

value() { sed -n "s/^$1[[:space:]]*=\([^#]*\).*/\1/p" "$cfg" | tr -d '\r' | sed 's/^[[:space:]]*//; s/[[:space:]]*$//'; }
list() { IFS=$SEPARATOR read -r -a "$1" <<<"$(value "$2")"; }
list chips CHIP_LIST
list models Model_LIST
list sizes INPUT_SIZE_LIST
list inis INPUT_INI_LIST
list classes CLASS_NUM_LIST
list names SAVE_NAME_LIST
quant_data=$(value QUANT_DATA_PATH)

cd "$toolchain" && . ./cfg_env.sh && cd "$top" || exit 1
time=$(TZ=$ZONE date +"$DATE_FORMAT")
for chip in "${chips[@]}"; do
  for i in "${!models[@]}"; do
    out="$top/output/$(layout "$chip" "$time")"
    [ "$simulate" = true ] || mkdir -p "$out"
    say "==== $algorithm: ${models[$i]} for $chip ===="
    model=${models[$i]} size=${sizes[$i]} ini=${inis[$i]} class_num=${classes[$i]} save_name=${names[$i]}
    arguments=()
    for name in $ARGUMENTS; do arguments+=("${!name}"); done
    ( cd "$algorithm" && bash convert.sh "${arguments[@]}" )
  done
done
