#!/bin/bash
# start the container
IMAGE=sgs_docker:v1.8
NAME="SGS_V1.8_18.04"
docker run --privileged --net=host -it \
  -v $PWD:/work/$NAME \
  -v /data/audio:/data:ro \
  --name sgs $IMAGE /bin/bash
