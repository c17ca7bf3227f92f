#!/bin/bash
# Stand-in for the vendor's sed/eat/convert.sh: nine positional arguments from the dispatcher.
chip=$1 model=$2 size=$3 ini=$4 classes=$5 save_name=$6 quant_data=$7 out=$8 simulate=$9
scripts=$SGS_IPU_DIR/Scripts
name=${save_name%.img}

if [ "$simulate" = true ]; then
  python3 "$scripts/calibrator/simulator.py" -i "$quant_data" -m "$out/${name}_float.sim" \
    -n eat_preprocess.py -c Unknown --num_process 1 --soc_version "$chip"
  # fixed and offline: take the comments away
  # python3 "$scripts/calibrator/simulator.py" -i "$quant_data" -m "$out/${name}_fixed.sim" \
  #   -n eat_preprocess.py -c Unknown --num_process 1 --soc_version "$chip"
  # python3 "$scripts/calibrator/simulator.py" -i "$quant_data" -m "$out/${save_name}" \
  #   -n eat_preprocess.py -c Unknown --num_process 1 --soc_version "$chip"
  exit
fi

python3 "$scripts/ConvertTool/ConvertTool.py" onnx --model_file "onnx/$model.onnx" --input_config "$ini" \
  --output_file "${name}_float.sim" --soc_version "$chip"
python3 "$scripts/calibrator/calibrator.py" -i "$quant_data" -m "${name}_float.sim" --input_config "$ini" \
  -n eat_preprocess.py --quant_level L1 --num_process 1 --soc_version "$chip"
python3 "$scripts/calibrator/compiler.py" -m "${name}_fixed.sim" --soc_version "$chip"
mv "${name}_float.sim" "${name}_fixed.sim" "$out/"
mv "${name}_fixed.sim_sgsimg.img" "$out/$save_name"
