#!/usr/bin/env bash
# Builds the image without Docker and without pulling a base image: a Debian root made by mmdebstrap, then buildah in a chroot.
# For machines that reach Debian's packages but no image registry. Needs root. --try: also start the product from it, with a
# redis and a PostgreSQL of this machine, and wait for /readyz.
set -euo pipefail
cd "$(dirname "$0")/.."
BASE=localhost/kvmweb-base IMAGE=localhost/kvmweb
STORAGE=(--storage-driver vfs)
[ "$(id -u)" = 0 ] || { echo "Run this as root."; exit 1; }
for program in mmdebstrap podman buildah runc; do
    command -v $program >/dev/null || { echo "$program is missing. Run: apt-get install mmdebstrap podman buildah runc"; exit 1; }
done

if ! podman "${STORAGE[@]}" image exists $BASE; then
    echo "==> Making the base image"
    mmdebstrap --variant=minbase --include=ca-certificates bookworm - | podman "${STORAGE[@]}" import - $BASE
fi

echo "==> Building $IMAGE"
# With the machine's own certificates: package indexes may be reached through a proxy with its own authority.
buildah "${STORAGE[@]}" bud --isolation chroot --format docker --build-arg BASE=$BASE \
    --volume /etc/ssl/certs:/etc/ssl/certs:ro -t $IMAGE -f docker/Dockerfile .
[ "${1:-}" != --try ] || exec docker/try-local.sh
