#!/usr/bin/env bash
# A Docker engine and a base image on a bare Debian machine without systemd (CI, a fresh server, a VM).
#
#   deploy/ensure-engine.sh start   install docker.io if it is missing, start the engine if none answers
#   deploy/ensure-engine.sh base    print the name of a Debian base image for `gofer sandbox build --base`;
#                                   pulled, or, where no registry is reached, made from this machine's apt sources
#   deploy/ensure-engine.sh stop    stop the engine that `start` started, and no other
#
# Whatever is there already is left as it is. Progress goes to stderr. Elsewhere: install Docker as its makers say.
set -euo pipefail

suite=bookworm
state=/var/lib/gofer-engine  # pid and log of the engine that we started
log=$state/dockerd.log

say() { echo "engine: $*" >&2; }
die() { say "$*"; exit 1; }
answers() { docker version --format '{{.Server.Version}}' 2>/dev/null; }
is_alive() { # is_alive NAME PID; a zombie is not, nor is another program that was given the number since
  [ "$(cat "/proc/$2/comm" 2>/dev/null)" = "$1" ] && ! grep -q '^State:.*Z' "/proc/$2/status" 2>/dev/null
}

apt_install() {
  command -v apt-get >/dev/null || die "only Debian and its relatives are served; please install: $*"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2 && return
  apt-get update -q >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

# A killed engine leaves its pid files behind; dockerd refuses to start, or waits for a containerd that is gone.
drop_stale_pids() {
  local file name
  for file in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
    [ -e "$file" ] || continue
    name=$(basename "$file" .pid); [ "$name" = docker ] && name=dockerd
    is_alive "$name" "$(cat "$file")" || { say "removing a stale $file"; rm -f "$file"; }
  done
}

mount_cgroups() { # a bare VM mounts none, and containers need them
  grep -qE ' cgroup2? ' /proc/mounts && return
  say "mounting control groups"
  local busy controller
  busy=$(awk '!/^#/ && $2 != 0' /proc/cgroups)  # controllers bound to version 1 elsewhere are missing from version 2
  if [ -z "$busy" ] && mount -t cgroup2 none /sys/fs/cgroup; then return; fi
  mount -t tmpfs -o mode=755 none /sys/fs/cgroup
  for controller in $(awk '!/^#/ && $4 == 1 {print $1}' /proc/cgroups); do
    mkdir "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" none "/sys/fs/cgroup/$controller" || rmdir "/sys/fs/cgroup/$controller"
  done
}

launch() { # launch ARGS...: a detached dockerd, awaited for 30 s
  local pid
  drop_stale_pids
  setsid nohup dockerd --log-opt max-size=10m "$@" </dev/null >>"$log" 2>&1 &
  pid=$!
  for _ in $(seq 150); do
    if answers >/dev/null; then echo "$pid" >"$state/pid"; return; fi
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.2
  done
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  return 1
}

start() {
  local version
  if version=$(answers); then say "engine $version answers"; return; fi
  case ${DOCKER_HOST:-unix:///var/run/docker.sock} in
    unix:///var/run/docker.sock) ;;
    *) die "DOCKER_HOST=$DOCKER_HOST does not answer, and only this machine's own engine can be started from here" ;;
  esac
  [ "$(uname -s)" = Linux ] || die "no engine answers; start Docker Desktop, colima or podman machine first"
  [ "$(id -u)" = 0 ] || die "no engine answers; run this as root, or start Docker yourself (systemctl start docker)"
  command -v dockerd >/dev/null && command -v docker >/dev/null && command -v iptables >/dev/null || apt_install docker.io iptables
  if version=$(answers); then say "engine $version answers"; return; fi  # its package may have started it
  if [ -d /run/systemd/system ]; then systemctl start docker; answers >/dev/null && return; fi
  mkdir -p "$state"; : >"$log"
  mount_cgroups
  # the second try is for an address or lock that the last engine gave back late; the last for kernels without NAT.
  # Without a bridge, builds reach the network by the host's (agent.sandbox.image sees to that); sandboxes have none anyway.
  launch || launch || { say "trying without a bridge network"; launch --bridge=none --iptables=false --ip6tables=false; } ||
    { tail -20 "$log" >&2; die "dockerd does not start; its log is $log"; }
  say "engine $(answers) started"
}

apt_sources() { # this machine's Debian sources for our suite, one line each
  apt-get indextargets --format '$(ORIGIN) deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    sed -nE "s/^Debian (.* $suite(-updates|-security)? .*)/\1/p" | sort -u
}

make_base() { # make_base NAME: a minimal Debian with this machine's certificates (a company proxy's, for example)
  local root sources
  [ "$(id -u)" = 0 ] || die "making a base image needs root"
  command -v mmdebstrap >/dev/null || apt_install mmdebstrap
  sources=$(apt_sources)
  if [ -z "$sources" ]; then apt-get update -q >&2; sources=$(apt_sources); fi
  [ -n "$sources" ] || die "this machine's apt has no Debian $suite to make a base image from"
  mkdir -p "$state"
  root=$(mktemp -d "$state/root.XXXXXX")
  # shellcheck disable=SC2064  # the folder is known now
  trap "rm -rf --one-file-system '$root'" EXIT
  chmod 755 "$root"
  mmdebstrap --quiet --mode=root --variant=minbase --include=ca-certificates \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' "$suite" "$root" - <<<"$sources" >&2
  if [ -s /etc/ssl/certs/ca-certificates.crt ]; then cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"; fi
  rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
  tar -C "$root" --numeric-owner --one-file-system -c . | docker import -c 'CMD ["bash"]' - "$1" >/dev/null
}

base() {
  local image
  for image in "debian:$suite-slim" "gofer-base:$suite"; do
    if docker image inspect "$image" >/dev/null 2>&1; then echo "$image"; return; fi
  done
  if timeout 120 docker pull -q "debian:$suite-slim" >&2; then echo "debian:$suite-slim"; return; fi
  say "no image can be pulled: making gofer-base:$suite from Debian packages"
  make_base "gofer-base:$suite"
  echo "gofer-base:$suite"
}

stop() {
  local pid
  pid=$(cat "$state/pid" 2>/dev/null || true)
  if [ -z "$pid" ] || ! is_alive dockerd "$pid"; then rm -f "$state/pid"; say "no engine of ours is running"; return; fi
  kill "$pid"
  for _ in $(seq 150); do is_alive dockerd "$pid" || break; sleep 0.2; done
  if is_alive dockerd "$pid"; then kill -KILL "$pid"; fi
  rm -f "$state/pid"
  say "stopped"
}

case ${1:-} in
  start|base|stop) "$1" ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
