# A server of exported voices, without torch and ESPnet.
#
#   espnet-prodiff export slt --onnx voices/slt
#   docker build -f docker/runtime.Dockerfile -t espnet-prodiff-runtime .
#   docker run -p 8000:8000 -v "$PWD/voices:/voices:ro" espnet-prodiff-runtime
FROM python:3.12-slim

WORKDIR /app
# What changes least first: these are layers that stay.
COPY docker/runtime.txt docker/
RUN python3 -m pip install --no-cache-dir -r docker/runtime.txt
COPY setup.py README.md ./
COPY conf conf
COPY espnet_prodiff espnet_prodiff
RUN python3 -m pip install --no-cache-dir --no-deps .

USER 10001
EXPOSE 8000
HEALTHCHECK CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=5)"]
ENTRYPOINT ["espnet-prodiff", "serve", "--host", "0.0.0.0"]
CMD ["--voices", "/voices"]
