# Not built here. With PyTorch's default build, for NVIDIA GPUs:
#   docker build --tag atlop . && docker run --rm --volume "$PWD:/work" atlop check dev.json
FROM python:3.11-slim

WORKDIR /opt/atlop
COPY pyproject.toml README.md LICENSE ./
COPY atlop atlop
COPY configs configs
COPY data/sample data/sample
COPY scripts/constraints.txt scripts/constraints.txt
# The CPU build of PyTorch comes from PyTorch's own index: --build-arg TORCH_INDEX=… names it, and without it pip takes
# the default build, with CUDA.
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir --constraint scripts/constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} '.[graph,report,serve]' \
    && useradd --create-home atlop

USER atlop
WORKDIR /work
ENTRYPOINT ["atlop"]
CMD ["--help"]
