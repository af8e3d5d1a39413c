# Five images from one file, so that they share layers: libraries before code, torch once for the three that need it.
#
#   docker build --target generator --tag saggar/generator .     # or qc, trainer, classifier, orchestrator
#   docker compose build                                         # all five
#
# FLAVOUR=cuda (the default of PyPI's wheels) or cpu. For cpu give PIP_EXTRA_INDEX_URL, the index of PyTorch's CPU builds, which are much smaller.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS python
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    MPLCONFIGDIR=/tmp/matplotlib \
    ORT_DISABLE_TELEMETRY=1 \
    SAGGAR_LISTEN=0.0.0.0:50051
RUN useradd --create-home --uid 10001 saggar
WORKDIR /app
COPY constraints.txt ./

# What each image installs from the package index, read from the pyproject files alone.
FROM python AS requirements
COPY deploy/images/requirements.py ./
COPY core/pyproject.toml core/
COPY services/generator/pyproject.toml services/generator/
COPY services/qc/pyproject.toml services/qc/
COPY services/trainer/pyproject.toml services/trainer/
COPY services/classifier/pyproject.toml services/classifier/
COPY services/orchestrator/pyproject.toml services/orchestrator/
RUN python requirements.py core > core.txt \
    && python requirements.py "core[data]" > data.txt \
    && python requirements.py core "services/classifier[traces]" > classifier.txt \
    && python requirements.py core "services/orchestrator[explain]" > orchestrator.txt \
    && for name in generator qc trainer; do \
         python requirements.py core services/$name > $name.txt || exit 1; done

FROM python AS libraries
COPY --from=requirements /app/core.txt ./
RUN pip install --constraint constraints.txt --requirement core.txt

# Data sets. What serves has none of it: pandas and pyarrow are most of an image of the classifier.
FROM libraries AS data
COPY --from=requirements /app/data.txt ./
RUN pip install --constraint constraints.txt --requirement data.txt

FROM data AS torch
ARG PIP_EXTRA_INDEX_URL=""
ARG FLAVOUR=cuda
RUN if [ "$FLAVOUR" = cpu ]; then sed -i -E '/^(nvidia-|triton)/d; s/^(torch|torchvision)==([0-9.]+)$/\1==\2+cpu/' constraints.txt; fi \
    && pip install --constraint constraints.txt torch torchvision safetensors

FROM torch AS generator
COPY --from=requirements /app/generator.txt ./
RUN pip install --constraint constraints.txt --requirement generator.txt
COPY core ./core
COPY services/generator ./services/generator
RUN pip install --no-deps ./core ./services/generator
# Base models of the hub are kept here: mount a volume, or every new container downloads them again.
RUN install -d -o saggar /home/saggar/models
ENV HF_HOME=/home/saggar/models
LABEL org.opencontainers.image.title="saggar-generator" \
      org.opencontainers.image.description="Trains LoRA adapters and makes images" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001
EXPOSE 50051
ENTRYPOINT ["python", "-m", "saggar_generator"]

FROM torch AS qc
COPY --from=requirements /app/qc.txt ./
RUN pip install --constraint constraints.txt --requirement qc.txt
COPY core ./core
COPY services/qc ./services/qc
RUN pip install --no-deps ./core ./services/qc
LABEL org.opencontainers.image.title="saggar-qc" \
      org.opencontainers.image.description="Screens generated images, measures sets of them, serves the review pages" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001
EXPOSE 50051 8080
ENTRYPOINT ["python", "-m", "saggar_qc"]

FROM torch AS trainer
COPY --from=requirements /app/trainer.txt ./
RUN pip install --constraint constraints.txt --requirement trainer.txt
COPY core ./core
COPY services/trainer ./services/trainer
RUN pip install --no-deps ./core ./services/trainer
RUN install -d -o saggar /home/saggar/.cache
ENV TORCH_HOME=/home/saggar/.cache/torch
LABEL org.opencontainers.image.title="saggar-trainer" \
      org.opencontainers.image.description="Trains and evaluates classifiers" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001
EXPOSE 50051
ENTRYPOINT ["python", "-m", "saggar_trainer"]

FROM libraries AS classifier
COPY --from=requirements /app/classifier.txt ./
RUN pip install --constraint constraints.txt --requirement classifier.txt
COPY core ./core
COPY services/classifier ./services/classifier
RUN pip install --no-deps ./core ./services/classifier
LABEL org.opencontainers.image.title="saggar-classifier" \
      org.opencontainers.image.description="Serves a classifier" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001
EXPOSE 50051
ENTRYPOINT ["python", "-m", "saggar_classifier"]

FROM data AS orchestrator
COPY --from=requirements /app/orchestrator.txt ./
RUN pip install --constraint constraints.txt --requirement orchestrator.txt
COPY core ./core
COPY services/orchestrator ./services/orchestrator
RUN pip install --no-deps ./core ./services/orchestrator
RUN install -d -o saggar /var/lib/saggar
# The command line in this container uses the orchestrator that runs in it, and starts none.
ENV SAGGAR_HOME=/var/lib/saggar \
    SAGGAR_ORCHESTRATOR=127.0.0.1:50051
VOLUME /var/lib/saggar
LABEL org.opencontainers.image.title="saggar-orchestrator" \
      org.opencontainers.image.description="Runs experiments, and is the command line" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001
EXPOSE 50051 8080
ENTRYPOINT ["python", "-m", "saggar_orchestrator"]
