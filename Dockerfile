# One framework with its own CUDA, and the suite. docs/gpu.md has the commands.
FROM nvidia/cuda:13.0.3-base-ubuntu24.04

# torch, jax or tensorflow: each brings another CUDA in its wheels, so each has an image.
ARG FRAMEWORK=torch
# The user's own number, so that results in a mounted folder are theirs.
ARG UID=1000

# pytorch-compiled needs a C compiler and Python's headers. Their versions are those of the base.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ gcc libc6-dev python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*

COPY LICENSE README.md pyproject.toml /source/
COPY bench /source/bench
COPY implementations /source/implementations
COPY softmax_bench /source/softmax_bench
COPY docs/findings/expected.csv /source/docs/findings/
RUN python3 -m venv /opt/bench \
    && /opt/bench/bin/pip install --no-cache-dir "/source[sklearn,numba,report,gpu,cuda-${FRAMEWORK}]"

# The number may be taken: the base's user ubuntu has that of most users, and root builds with its
# own.
RUN (userdel --remove ubuntu || true) \
    && useradd --home-dir /bench --no-log-init --non-unique --uid "${UID}" bench \
    && install --directory --owner=bench /bench /bench/.cache

# The base refuses drivers that are older than its CUDA, but TensorFlow's CUDA 12 works with older
# ones. Each framework reports a driver that is too old for it.
ENV NVIDIA_DISABLE_REQUIRE=1
ENV HOME=/bench
ENV PATH=/opt/bench/bin:$PATH
USER ${UID}
WORKDIR /bench
ENTRYPOINT ["softmax-bench"]
CMD ["run", "--device", "cpu,gpu", "--quick"]
