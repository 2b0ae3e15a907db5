#!/usr/bin/env bash
# Replays the walkthrough on the containers of docker-compose.yml, with `docker stop` and `docker start` of node2.
# Needs a docker command with compose, and nothing else: what asks the nodes runs in a container of their image.
set -euo pipefail
cd "$(dirname "$0")/../.."

project=distributed-sync-system
node2=$project-node2-1
volume=${project}_redis-data

if [ -n "$(docker compose ps --quiet)" ]; then
  echo "The containers of $project run already; stop them first: docker compose down" >&2
  exit 1
fi
had_data=$(docker volume ls --quiet --filter "name=^$volume\$")
workplace=$(mktemp -d)

clean_up() {
  local status=$?
  trap - EXIT
  if [ "$status" -ne 0 ]; then docker compose logs --tail 50 || true; fi
  echo 'Taking the containers down.'
  # The data of somebody who uses them is left alone.
  if [ -n "$had_data" ]; then docker compose down; else docker compose down --volumes; fi
  rm -rf "$workplace"
  exit "$status"
}
trap clean_up EXIT

docker compose up --build --detach --wait --wait-timeout 300

# The one who asks says when node2 is to be stopped and started, and waits for a line.
mkfifo "$workplace/done"
exec 3<>"$workplace/done"
docker compose run --rm --no-TTY --no-deps --volume "$PWD/test/contract:/app/contract:ro" node1 \
  node contract/walkthrough.ts --ask http://node1:8001 http://node2:8002 http://node3:8003 <"$workplace/done" |
  while IFS= read -r line; do
    case $line in
      'Please stop node2,'*)
        docker stop "$node2"
        echo >&3
        ;;
      'Please start node2,'*)
        docker start "$node2"
        echo >&3
        ;;
      *) echo "$line" ;;
    esac
  done
