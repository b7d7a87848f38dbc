#!/usr/bin/env bash
# Machines in network namespaces, each with a link of so many Mbit/s to a bridge.
#   namespaces.sh up COUNT MBIT      namespaces.sh down
#   namespaces.sh agent HOST COMMAND…   what Open MPI starts its processes on other machines by
set -euo pipefail
subnet=10.123.0

case $1 in
up)
  ip link add cloze-bridge type bridge
  ip link set cloze-bridge up
  for i in $(seq "$2"); do
    ip netns add "cloze$i"
    ip link add "cloze-v$i" type veth peer name eth0 netns "cloze$i"
    ip link set "cloze-v$i" master cloze-bridge
    ip link set "cloze-v$i" up
    ip -n "cloze$i" address add "$subnet.$i/24" dev eth0
    ip -n "cloze$i" link set eth0 up
    ip -n "cloze$i" link set lo up
    # the kernel here may have no netem, which delays; a token bucket limits the rate
    tc -n "cloze$i" qdisc add dev eth0 root tbf rate "$3mbit" burst 256kb latency 50ms
  done
  ip address add "$subnet.254/24" dev cloze-bridge
  ;;
down)
  for name in $(ip netns list | grep -o '^cloze[0-9]*'); do ip netns del "$name"; done
  ip link del cloze-bridge
  ;;
agent)
  host=$2
  shift 2
  exec ip netns exec "cloze${host##*.}" unshare --uts bash -c "hostname node${host##*.}; $*"
  ;;
esac
