# Shared by the scripts: where things are, named and timed steps. Source it, do not run it.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/llmos-lite"
CARGO_BIN="${CARGO_HOME:-$HOME/.cargo}/bin"
export PATH="$CARGO_BIN:$PATH"
mkdir -p "$CACHE" "$CARGO_BIN"
cd "$ROOT"

STEP_TIMES=""

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
warn() { printf '\033[33m!! %s\033[0m\n' "$*" >&2; }
die() { printf '\033[31mxx %s\033[0m\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# bounded SECONDS COMMAND...: runs a command that waits for the network, never for ever.
bounded() {
  local limit=$1; shift
  if have timeout; then timeout --foreground "$limit" "$@"
  elif have gtimeout; then gtimeout --foreground "$limit" "$@"
  else "$@"; fi
}

# step "Name" COMMAND...: runs a named step and remembers how long it took.
step() {
  local name=$1 started=$SECONDS; shift
  say "$name"
  "$@"
  STEP_TIMES+=$(printf '%6d s  %s' $((SECONDS - started)) "$name")$'\n'
}

print_step_times() { say "Time per step"; printf '%s' "$STEP_TIMES"; printf '%6d s  in all\n' "$SECONDS"; }

# as_root COMMAND...: system packages need root; sudo is used only where we are not root already.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo; then sudo "$@"
  else die "This step needs root: run it yourself, then start again: $*"; fi
}

# locked_version CRATE: the version of a crate in Cargo.lock.
locked_version() { awk -v c="$1" '$1=="name" && $3=="\""c"\"" {getline; gsub(/"/,"",$3); print $3; exit}' Cargo.lock; }

# build_front: the browser's half for release, each group of pages in a file of its own. Its panics name no place in the source: that
# table is a twentieth of the first load. The flag is not stable yet, hence RUSTC_BOOTSTRAP; where it is missing, all else works.
build_front() {
  env -u RUSTC_WORKSPACE_WRAPPER -u CLIPPY_ARGS RUSTC_BOOTSTRAP=1 \
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="--cfg=erase_components -Zlocation-detail=none" \
    cargo leptos build --release --precompress --split --lib-features hydrate,split --frontend-only
}

# browser: the path of an installed Chromium or Chrome.
browser() {
  local candidate
  for candidate in "${CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
    [ -n "$candidate" ] && command -v "$candidate" 2>/dev/null && return 0
  done
  return 1
}
