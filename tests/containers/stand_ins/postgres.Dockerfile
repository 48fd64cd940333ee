ARG BASE
FROM $BASE
RUN groupadd -g 999 postgres && useradd -u 999 -g 999 postgres \
    && apt-get update -qq && apt-get install -qq --no-install-recommends postgresql \
    && install -d -o 999 -g 999 -m 700 /var/lib/postgresql/data
ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin
COPY postgres.sh /
ENTRYPOINT ["bash", "/postgres.sh"]
