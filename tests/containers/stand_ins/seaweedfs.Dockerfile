ARG BASE
FROM $BASE
COPY weed /usr/bin/
RUN install -d -o 1000 -g 1000 /data
