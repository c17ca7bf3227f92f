#!/bin/bash
# Stand-in for the vendor's sed/eat/convert.sh: nine positional arguments from the dispatcher.
. ../../variant.sh
PREPROCESS=${PREPROCESS/eat/$(basename "$PWD")}  # each algorithm has a script of its own
i=0
for name in $ARGUMENTS; do i=$((i + 1)); declare "$name=${!i}"; done
scripts=$SGS_IPU_DIR/Scripts
name=${save_name%.img}

simulator() {  # MODEL STAGE
  "$PYTHON" "$scripts/calibrator/simulator.py" -i "$quant_data" -m "$1" \
    -n "$PREPROCESS" -c Unknown --num_process "$PROCESSES" $(stage_option "$2") $(chip_option "$chip")
}

if [ "$simulate" = true ]; then
  [ -d "$out" ] || { echo "no such directory: $out"; exit 0; }  # made by -s false on the same day, or not at all
  simulator "$out/${name}_float.sim" Float
  # fixed and offline: take the comments away
  # simulator "$out/${name}_fixed.sim" Fixed
  # simulator "$out/${save_name}" Offline
  exit
fi

"$PYTHON" "$scripts/ConvertTool/ConvertTool.py" onnx --model_file "onnx/$model.onnx" --input_config "$ini" \
  --output_file "${name}_float.sim" $(chip_option "$chip")
say "float done"
"$PYTHON" "$scripts/calibrator/calibrator.py" -i "$quant_data" -m "${name}_float.sim" --input_config "$ini" \
  -n "$PREPROCESS" --quant_level "$LEVEL" --num_process "$PROCESSES" $(chip_option "$chip")
"$PYTHON" "$scripts/calibrator/compiler.py" -m "${name}_fixed.sim" $(chip_option "$chip")
mv "${name}_float.sim" "${name}_fixed.sim" "$out/"
mv "${name}_fixed.sim_sgsimg.img" "$out/$save_name"
