ARG BASE
FROM $BASE
RUN apt-get update -qq && apt-get install -qq --no-install-recommends prometheus && install -d -o 65534 -g 65534 /prometheus
ENTRYPOINT ["prometheus"]
