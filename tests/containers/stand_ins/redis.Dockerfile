ARG BASE
FROM $BASE
RUN groupadd -g 999 redis && useradd -u 999 -g 999 redis \
    && apt-get update -qq && apt-get install -qq --no-install-recommends redis-server && install -d -o 999 -g 999 /data
