#!/usr/bin/env bash
# For a machine that reaches Debian's packages and PyPI but no registry of images: images with the names that docker-compose.yaml and
# deploy/Dockerfile give, made of Debian's packages, so that `make test-containers` can run. They stand in for the real ones: other
# versions, other entry points. There is none for Grafana. Needs root, debootstrap and podman; two minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export CONTAINERS_CONF="$work/containers.conf"
tests/containers/engine_settings.sh >"$CONTAINERS_CONF"

debootstrap --variant=minbase --include=python3,python3-pip,ca-certificates,wget bookworm "$work/root" >"$work/log" 2>&1 || { tail "$work/log"; exit 1; }
ln -s python3 "$work/root/usr/bin/python"
rm -f "$work"/root/usr/lib/python3*/EXTERNALLY-MANAGED
# What this machine trusts, in case its packages come through a proxy.
cp /etc/ssl/certs/ca-certificates.crt "$work/root/etc/ssl/certs/"
base="$(sed -n 's/^FROM //p' deploy/Dockerfile)"
tar -C "$work/root" -c . | podman import --quiet --change "ENV LANG=C.UTF-8" \
  --change "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt" - "docker.io/library/$base"
podman tag "docker.io/library/$base" "docker.io/library/$(sed -n 's/^FROM //p' deploy/serving/Dockerfile)"

cp .venv/bin/weed tests/containers/stand_ins/* "$work"
for image in $(sed -n 's/^ *image: //p' docker-compose.yaml); do
  name="$(basename "${image%%:*}")"
  [ -e "$work/$name.Dockerfile" ] || continue
  case "$image" in */*) full="docker.io/$image" ;; *) full="docker.io/library/$image" ;; esac
  podman build --quiet --network host --build-arg "BASE=docker.io/library/$base" --file "$work/$name.Dockerfile" --tag "$full" "$work"
done
