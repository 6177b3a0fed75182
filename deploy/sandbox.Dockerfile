# The image in which Gofer's commands run. `gofer sandbox build` builds it; by hand:
#   docker build -f deploy/sandbox.Dockerfile --target office <folder made by agent.sandbox.image>
# Written for the classic builder: no RUN --mount, no COPY --chmod, no heredocs.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS core
ENV DEBIAN_FRONTEND=noninteractive \
    LANG=C.UTF-8 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates python3 python3-venv git jq curl file procps unzip xz-utils zip \
 && rm -rf /var/lib/apt/lists/*
# A network with its own certificate authority puts its .crt files here; the folder is empty for everybody else.
# The bundle is left alone then, because a base image may have been given one of its own.
COPY extra-ca/ /usr/local/share/ca-certificates/
RUN if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then update-ca-certificates; fi
COPY sandbox.txt /opt/sandbox.txt
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /opt/sandbox.txt \
 && /opt/venv/bin/python -m compileall -q /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin
# The mount points of the tmpfs that every sandbox gets; the root file system itself is read-only.
RUN mkdir -p /workspace /skills /run/jobs \
 && (getent passwd 1000 >/dev/null || /usr/sbin/useradd --uid 1000 --no-create-home --home-dir /tmp/home gofer)

FROM core AS office
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      libreoffice-calc-nogui libreoffice-impress-nogui libreoffice-writer-nogui \
      poppler-utils qpdf tesseract-ocr \
      fonts-dejavu-core fonts-liberation2 fonts-crosextra-carlito fonts-crosextra-caladea \
 && rm -rf /var/lib/apt/lists/*
