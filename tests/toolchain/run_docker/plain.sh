#!/bin/bash
xhost + >/dev/null 2>&1 || echo "no display, don't care"
sudo docker run -it --rm --privileged --net host -e DISPLAY=$PWD --volume "$(pwd)/release tree:/work/SGS_V1.7" sgs_docker:v1.7 bash
