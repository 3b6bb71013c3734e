# Everything that the lessons need, on the CPU:
#
#     docker build --tag rlbreakout .
#     docker run --rm -it -v "$PWD/runs:/rlbreakout/runs" rlbreakout                           # make tour
#     docker run --rm -it -p 127.0.0.1:8000:8000 rlbreakout \
#         rlbreakout watch champion --host 0.0.0.0 --port 8000                                 # then open localhost:8000
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /rlbreakout

# A CPU build of torch: the default one brings several GB of CUDA along.
COPY constraints.txt .
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --constraint constraints.txt \
        --extra-index-url https://download.pytorch.org/whl/cpu "torch>=2.8,<2.14"
ENV PATH=/rlbreakout/.venv/bin:$PATH

COPY . .
RUN make setup
CMD ["make", "tour"]
