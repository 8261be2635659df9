# Scangrid with the packages of requirements.lock. docs/pages/platforms.md says how to build and run it.
ARG BASE=debian:trixie-slim
FROM ${BASE}

# LightGBM needs the system's OpenMP. All else comes with the packages.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libgomp1 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

# Packages come before the code, so that a change of the code does not install them again. Without TORCH_INDEX torch is
# that of the lock, checked by hash, for CPUs and NVIDIA GPUs. With it, torch and what only torch needs come from there.
ARG TORCH_INDEX=""
COPY requirements.lock /opt/scangrid/
WORKDIR /opt/scangrid
RUN python3 -m venv /opt/venv \
    && if [ -z "${TORCH_INDEX}" ]; then cp requirements.lock /tmp/lock; else \
        awk '/^[a-z]/ { keep = $1 !~ /^(torch|torchvision|triton|(cuda|nvidia)-.*)==/ } keep' requirements.lock > /tmp/lock; fi \
    && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement /tmp/lock \
    && if [ -n "${TORCH_INDEX}" ]; then awk '$1 ~ /^(torch|torchvision)==/ { print $1 }' requirements.lock > /tmp/torch \
        && /opt/venv/bin/pip install --no-cache-dir --index-url "${TORCH_INDEX}" --requirement /tmp/torch; fi \
    && rm -f /tmp/lock /tmp/torch

COPY . /opt/scangrid

# Any user may run it (docker run --user), so what libraries cache goes to a place that all may write to.
RUN useradd --create-home --uid 1000 scangrid && install --directory --owner scangrid /study
ENV HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib PYTHONDONTWRITEBYTECODE=1
USER 1000

# Paths of a grid start here, and runs/ and .store/ are written here: mount the folder of your grids. There is no VOLUME,
# since one below a mounted folder would hide what is in it, and results would be lost with the container.
WORKDIR /study
ENTRYPOINT ["/opt/venv/bin/python", "/opt/scangrid/run_benchmark.py"]
CMD ["--help"]
