# Everything: recipes, training, distillation, evaluation, export.
#
#   docker build -f docker/train.Dockerfile -t espnet-prodiff-train .
#   docker run --gpus all -v "$PWD/mydata:/work" espnet-prodiff-train ./run.sh
#
# On a machine without a GPU, without CUDA's gigabytes:
#   --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu
FROM python:3.11-slim

# pyworld has no wheels; recipes call make and git.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY docker/pip.txt docker/torch.txt docker/
ARG TORCH_INDEX=
RUN python3 -m pip install --no-cache-dir -r docker/pip.txt \
    && python3 -m pip install --no-cache-dir -r docker/torch.txt \
        ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"}
COPY setup.py README.md ./
COPY conf conf
COPY egs2_recipe egs2_recipe
COPY espnet_prodiff espnet_prodiff
# hadolint ignore=DL3013
RUN python3 -m pip install --no-cache-dir ".[espeak,export]"

WORKDIR /work
CMD ["espnet-prodiff", "--help"]
