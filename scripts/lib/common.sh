# SPDX-License-Identifier: Apache-2.0
# Words shared by the scripts: where things are, how progress and errors are said. Sourced, never run.
# shellcheck shell=bash disable=SC2034  # each script uses some of these

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${SONDE_CACHE:-${HOME:-/root}/.cache/sonde}
sysroot=$cache/root  # what bookworm is too old for: libbpf, bpftool

# Exit code of "cannot be had here, with a reason": the callers skip. Automake and ctest know it too.
readonly kSkip=77

# All on stderr: stdout belongs to a script's answer.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
warn() { say "warning: $*"; }
die() { say "error: $*"; exit 1; }
no() { say "not available: $*"; }
skip() { no "$@"; exit "$kSkip"; }

# usage FILE: prints the comment block at the top of a script, which is its help text.
usage() { sed -n '3,/^[^#]/{s/^# \{0,1\}//p}' "$1"; }

# end_within SECONDS PID...: asks children of this shell to end and waits for them; those that do not are killed.
# 'jobs -pr' names all there are, also one that was started the moment a signal came.
end_within() {
  local left=$(($1 * 10))
  shift
  [ $# -gt 0 ] || return 0
  kill "$@" 2>/dev/null || true
  while kill -0 "$@" 2>/dev/null; do
    if [ $((left -= 1)) -lt 0 ]; then
      warn "killing what does not end: $*"
      kill -KILL "$@" 2>/dev/null || true
      return 0
    fi
    sleep 0.1
  done
}

as_root() { [ "$(id -u)" = 0 ] || die "$1 needs root: run 'sudo $0' first"; }
