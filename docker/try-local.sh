#!/usr/bin/env bash
# Runs the image that build-local.sh made: setup, then web, worker, beat, watcher and broker as containers of their own beside a
# private PostgreSQL and redis, until /readyz answers 200; then ends and removes everything. Needs root.
set -euo pipefail
IMAGE=localhost/kvmweb PORT=${KVMWEB_PORT:-8419}
WORK=$(mktemp -d /tmp/kvmweb-try-XXXXXX)
PROGRAMS=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
STARTED=()

clean_up() {
    for name in "${STARTED[@]}"; do podman --storage-driver vfs rm -f -t 3 "$name" >/dev/null 2>&1 || true; done
    setpriv --reuid=postgres --regid=postgres --clear-groups "$PROGRAMS/pg_ctl" -D "$WORK/postgres/data" -m immediate -s stop || true
    [ ! -e "$WORK/redis.pid" ] || kill "$(cat "$WORK/redis.pid")" || true
    rm -rf "$WORK"
}
trap clean_up EXIT

chmod 755 "$WORK"
install -d -o postgres "$WORK/postgres"
install -d -o 1000 -g 1000 "$WORK/data" "$WORK/redis"
setpriv --reuid=postgres --regid=postgres --clear-groups "$PROGRAMS/initdb" -D "$WORK/postgres/data" -U kvmweb -A trust --no-sync >/dev/null
setpriv --reuid=postgres --regid=postgres --clear-groups "$PROGRAMS/pg_ctl" -D "$WORK/postgres/data" -w -s start -l "$WORK/postgres/log" \
    -o "-c listen_addresses='' -c unix_socket_directories='$WORK/postgres' -c fsync=off"
redis-server --port 0 --unixsocket "$WORK/redis/redis.sock" --unixsocketperm 777 --daemonize yes --save '' --dir "$WORK/redis" --pidfile "$WORK/redis.pid" >/dev/null

# --network host and the limits: what a container can have inside a small sandbox without network plugins.
OPTIONS=(--network host --ulimit nofile=1024:2048 --ulimit nproc=1000:2000 --volume "$WORK:$WORK" --volume "$WORK/data:/data"
    --env "DATABASE_URL=postgres://kvmweb@/$WORK/postgres/postgres" --env "REDIS_URL=unix://$WORK/redis/redis.sock"
    --env KVMWEB_BIND=127.0.0.1 --env "KVMWEB_PORT=$PORT" --env KVMWEB_ADMIN_PASSWORD=only-for-this-try)
container() {
    local name=kvmweb-try-$1
    shift
    STARTED+=("$name")
    podman --storage-driver vfs run --runtime runc --name "$name" "${OPTIONS[@]}" "$@"
}

echo "==> setup"
container setup $IMAGE setup --host none
for role in web worker beat watcher broker; do
    echo "==> $role"
    container $role -d $IMAGE $role >/dev/null
done
for _ in $(seq 60); do
    answer=$(curl -s -o "$WORK/readyz" -w '%{http_code}' "http://127.0.0.1:$PORT/readyz" || true)
    [ "$answer" != 200 ] || { echo "/readyz: $(cat "$WORK/readyz")"; break; }
    sleep 1
done
podman --storage-driver vfs exec kvmweb-try-web sh -c 'id -un; docker/healthcheck && echo healthy'
[ "$answer" = 200 ] || { cat "$WORK/readyz"; for role in web worker beat watcher broker; do echo "-- $role"; podman --storage-driver vfs logs kvmweb-try-$role 2>&1 | tail -n 8; done; exit 1; }
