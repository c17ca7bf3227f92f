#!/bin/bash
# Stand-in for the vendor's sed/eat/convert.sh: nine positional arguments from the dispatcher.
. ../../variant.sh
i=0
for name in $ARGUMENTS; do i=$((i + 1)); declare "$name=${!i}"; done
scripts=$SGS_IPU_DIR/Scripts
name=${save_name%.img}

if [ "$simulate" = true ]; then
  [ -d "$out" ] || { echo "no such directory: $out"; exit 0; }  # made by -s false on the same day, or not at all
  python3 "$scripts/calibrator/simulator.py" -i "$quant_data" -m "$out/${name}_float.sim" \
    -n "$PREPROCESS" -c Unknown --num_process "$PROCESSES" --soc_version "$chip"
  # fixed and offline: take the comments away
  # python3 "$scripts/calibrator/simulator.py" -i "$quant_data" -m "$out/${name}_fixed.sim" \
  #   -n "$PREPROCESS" -c Unknown --num_process "$PROCESSES" --soc_version "$chip"
  # python3 "$scripts/calibrator/simulator.py" -i "$quant_data" -m "$out/${save_name}" \
  #   -n "$PREPROCESS" -c Unknown --num_process "$PROCESSES" --soc_version "$chip"
  exit
fi

python3 "$scripts/ConvertTool/ConvertTool.py" onnx --model_file "onnx/$model.onnx" --input_config "$ini" \
  --output_file "${name}_float.sim" --soc_version "$chip"
say "float done"
python3 "$scripts/calibrator/calibrator.py" -i "$quant_data" -m "${name}_float.sim" --input_config "$ini" \
  -n "$PREPROCESS" --quant_level "$LEVEL" --num_process "$PROCESSES" --soc_version "$chip"
python3 "$scripts/calibrator/compiler.py" -m "${name}_fixed.sim" --soc_version "$chip"
mv "${name}_float.sim" "${name}_fixed.sim" "$out/"
mv "${name}_fixed.sim_sgsimg.img" "$out/$save_name"
