#!/usr/bin/env bash
# A containers.conf for podman: limits that whoever starts this may set, and a runtime that knows cgroups of both versions.
printf '[containers]\ndefault_ulimits = ["nofile=1024:%s", "nproc=10000:10000"]\n[engine]\nruntime = "runc"\n' "$(ulimit -Hn)"
