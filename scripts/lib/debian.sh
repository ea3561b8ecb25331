# SPDX-License-Identifier: Apache-2.0
# Packages of other suites without touching the system's apt: a private apt per suite inside the cache.
# apt itself checks Release against the archive's keys, Packages against Release, each .deb against
# Packages; we add a minimum version, a record of what came, and a re-check of it before each use.
# Sourced after common.sh.
# shellcheck shell=bash disable=SC2154  # cache, kSkip: common.sh

# Whose packages: this machine's unless a caller says otherwise, before anything else is asked.
native=$(dpkg --print-architecture)
arch=$native

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
manifest=$cache/manifest.tsv  # name (another architecture's as NAME:ARCH), version, suite, sha256, file below debs/

qualified() { [ "$arch" = "$native" ] && echo "$1" || echo "$1:$arch"; }

# apt_of SUITE: where its private apt lives.
apt_of() { [ "$arch" = "$native" ] && echo "$cache/apt/$1" || echo "$cache/apt/$1-$arch"; }

# The mirror is the one that this machine's apt uses: no host is named in the tree.
mirror_of() {
  local suite=$1 want=main
  case $suite in *-security) want=security ;; esac
  apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v want=$want '{ is = $1 ~ /-security$/ ? "security" : "main" } is == want { print $2; exit }'
}

# private_apt SUITE TOOL ARGS...: runs an apt tool that knows this suite only, and no installed package.
private_apt() {
  local dir tool=$2
  dir=$(apt_of "$1")
  shift 2
  # Valid-Until is judged in refresh: an archived suite stays old for ever, which is no fault.
  "$tool" -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
    -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State="$dir/state" -o Dir::State::Lists="$dir/lists" -o Dir::State::status="$dir/status" \
    -o Dir::Cache="$dir/cache" -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false \
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Retries=2 \
    -o Acquire::AllowInsecureRepositories=false -o APT::Get::AllowUnauthenticated=false \
    -o APT::Sandbox::User=root "$@"
}

# refresh SUITE: brings its package lists, once per run. A suite that has gone: said, and kSkip.
declare -A refreshed=()
refresh() {
  local suite=$1 dir uri until
  [ -z "${refreshed[$suite]:-}" ] || return 0
  dir=$(apt_of "$suite")
  uri=$(mirror_of "$suite")
  [ -n "$uri" ] || { no "suite $suite: apt has no source to take its mirror from"; return "$kSkip"; }
  mkdir -p "$dir"/{lists,cache/archives/partial,state}
  : >"$dir/status"
  echo "deb [signed-by=$keyring] $uri $suite main" >"$dir/sources.list"
  say "reading the package lists of $suite"
  if ! private_apt "$suite" apt-get update -o APT::Update::Error-Mode=any >"$dir/update.log" 2>&1; then
    tail -n 3 "$dir/update.log" >&2
    # A mirror that lacks the suite, or no network, is a reason to skip; a bad signature never is.
    ! grep -q -e 'GPG error' -e 'is not signed' -e 'Hash Sum mismatch' "$dir/update.log" ||
      die "suite $suite: its lists fail the check against $keyring (see $dir/update.log)"
    no "suite $suite: its lists could not be read (see $dir/update.log)"
    return "$kSkip"
  fi
  until=$(sed -n 's/^Valid-Until: //p' "$dir"/lists/*_InRelease)
  if [ -n "$until" ] && [ "$(date -d "$until" +%s)" -lt "$(date +%s)" ]; then
    warn "the lists of $suite were valid until $until; signature good, going on"
  fi
  refreshed[$suite]=yes
}

# available SUITE PACKAGE: the version the suite has, or nothing.
available() { private_apt "$1" apt-cache --no-all-versions show "$2" 2>/dev/null | sed -n 's/^Version: //p;T;q'; }

# depends SUITE PACKAGE: the packages it depends on, one per line, first alternatives, no versions.
depends() {
  private_apt "$1" apt-cache --no-all-versions show "$2" 2>/dev/null | sed -n 's/^Depends: //p' |
    tr ',' '\n' | awk '{ print $1 }'
}

# recorded PACKAGE SUITE MINIMUM: the .deb from the cache if its record is new enough and its hash is
# still the recorded one.
recorded() {
  local name version suite sum file
  [ -e "$manifest" ] || return 1
  while IFS=$'\t' read -r name version suite sum file; do
    [ "$name" = "$(qualified "$1")" ] && [ "$suite" = "$2" ] || continue
    dpkg --compare-versions "$version" ge "$3" || continue
    echo "$sum  $cache/debs/$file" | sha256sum --check --status 2>/dev/null || continue
    echo "$cache/debs/$file"
    return 0
  done <"$manifest"
  return 1
}

# deb SUITE PACKAGE [MINIMUM]: the path of its .deb, brought here if it is not yet.
deb() {
  local suite=$1 name=$2 minimum=${3:-0} version file sum
  recorded "$name" "$suite" "$minimum" && return 0
  refresh "$suite" || exit
  version=$(available "$suite" "$name")
  [ -n "$version" ] || skip "package $name: suite $suite has none"
  dpkg --compare-versions "$version" ge "$minimum" ||
    skip "package $name: suite $suite has $version, $minimum is needed"
  say "fetching $(qualified "$name") $version from $suite"
  mkdir -p "$cache/debs/partial.$$"
  (cd "$cache/debs/partial.$$" && private_apt "$suite" apt-get download "$name=$version" >&2) ||
    die "package $name $version could not be fetched from $suite; run '$0' again"
  file=$(basename "$cache/debs/partial.$$"/*.deb)
  mv "$cache/debs/partial.$$/$file" "$cache/debs/$file"
  rmdir "$cache/debs/partial.$$"
  sum=$(sha256sum "$cache/debs/$file" | cut -d' ' -f1)
  printf '%s\t%s\t%s\t%s\t%s\n' "$(qualified "$name")" "$version" "$suite" "$sum" "$file" >>"$manifest"
  echo "$cache/debs/$file"
}

# bring SUITE PACKAGE...: the .debs of many packages at once; one after the other, apt would read its lists for each.
bring() {
  local suite=$1 name file version dir=$cache/debs/partial.$$ wanted=()
  shift
  for name in "$@"; do
    recorded "$name" "$suite" 0 >/dev/null || wanted+=("$name")
  done
  [ ${#wanted[@]} -gt 0 ] || return 0
  refresh "$suite" || exit
  say "fetching ${#wanted[@]} packages from $suite"
  mkdir -p "$dir"
  (cd "$dir" && private_apt "$suite" apt-get download "${wanted[@]}" >&2) ||
    die "${#wanted[@]} packages could not be fetched from $suite; run '$0' again"
  for file in "$dir"/*.deb; do
    read -r name version < <(dpkg-deb --show --showformat '${Package} ${Version}\n' "$file")
    mv "$file" "$cache/debs/"
    file=${file##*/}
    printf '%s\t%s\t%s\t%s\t%s\n' "$(qualified "$name")" "$version" "$suite" "$(sha256sum "$cache/debs/$file" | cut -d' ' -f1)" "$file" \
      >>"$manifest"
  done
  rmdir "$dir"
}

# unpack DIR SUITE PACKAGE[=MINIMUM]...: a directory holding just these packages. Rebuilt whole when the
# set changes, so that no file of an older version stays behind.
unpack() {
  local dir=$1 suite=$2 spec file files=()
  shift 2
  mkdir -p "$(dirname "$dir")"
  for spec in "$@"; do
    case $spec in *=*) ;; *) spec=$spec=0 ;; esac
    # Here, not in the command substitution below, so that the lists are read once for all packages.
    recorded "${spec%%=*}" "$suite" "${spec#*=}" >/dev/null || refresh "$suite" || exit
    file=$(deb "$suite" "${spec%%=*}" "${spec#*=}") || exit $?
    files+=("$file")
  done
  printf '%s\n' "${files[@]##*/}" >"$dir.new.list.$$"
  if cmp -s "$dir.new.list.$$" "$dir/.packages"; then
    rm "$dir.new.list.$$"
  else
    say "unpacking ${#files[@]} packages to $dir"
    rm -rf "$dir.new.$$"
    mkdir -p "$dir.new.$$"
    for file in "${files[@]}"; do dpkg-deb -x "$file" "$dir.new.$$"; done
    mv "$dir.new.list.$$" "$dir.new.$$/.packages"
    rm -rf "$dir"
    mv "$dir.new.$$" "$dir"
  fi
  echo "$dir"
}
