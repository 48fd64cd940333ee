# What the real image's entry point does with a fresh volume.
set -e
data=/var/lib/postgresql/data
if [ ! -s $data/PG_VERSION ]; then
  initdb -D $data -U "$POSTGRES_USER" --pwfile=<(echo "$POSTGRES_PASSWORD") -A scram-sha-256 -E UTF8 --locale C.UTF-8 >/dev/null
  echo "host all all all scram-sha-256" >>$data/pg_hba.conf
  echo "create database $POSTGRES_DB" | postgres --single -D $data postgres >/dev/null
fi
exec "$@" -D $data -k /tmp
