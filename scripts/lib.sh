# Shared by the scripts: where things are, named and timed steps. Source it, do not run it.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/llmos-lite"
CARGO_BIN="${CARGO_HOME:-$HOME/.cargo}/bin"
export PATH="$CACHE/bin:$CARGO_BIN:$PATH"
# The model that search embeds with: the one that scripts/setup fetches, or any BERT-style folder of one's own.
MODEL_CACHE="$CACHE/models/all-MiniLM-L6-v2"
export EMBEDDING_MODEL_DIR="${EMBEDDING_MODEL_DIR:-$MODEL_CACHE}"
# What somebody set for all their projects would part our builds from .cargo/config.toml, and what is built from where it is looked for.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR
# LLMOS_REPRODUCIBLE=1: the names of this machine's folders do not get into what is built (docs/security/releases.md). Cargo joins this with the flags of .cargo/config.toml.
REMAP=""
if [ -n "${LLMOS_REPRODUCIBLE:-}" ]; then
  REMAP="--remap-path-prefix=$ROOT=/llmos --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
  declare -x "CARGO_TARGET_$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')_RUSTFLAGS=$REMAP"
fi
mkdir -p "$CACHE/bin" "$CARGO_BIN"
# Binaryen's npm package: wasm-opt, and the same as a library.
BINARYEN=130.0.0
cd "$ROOT"

STEP_TIMES=""

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
warn() { printf '\033[33m!! %s\033[0m\n' "$*" >&2; }
die() { printf '\033[31mxx %s\033[0m\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# skipped WHAT: what was missing for a check, for the closing line of scripts/test.
skipped() { [ -z "${LLMOS_TEST_SKIPPED:-}" ] || echo "$1" >>"$LLMOS_TEST_SKIPPED"; }

# bounded SECONDS COMMAND...: runs a command that waits for the network, never for ever. The command may begin with as_root.
bounded() {
  local limit=$1 as=""; shift
  # timeout starts programs, not functions of this shell.
  if [ "$1" = as_root ]; then as=as_root; shift; fi
  if have timeout; then $as timeout --foreground "$limit" "$@"
  # macOS has no timeout, but perl: the alarm outlives exec and ends what runs then.
  else $as perl -e 'alarm shift; exec @ARGV or exit 127' "$limit" "$@"; fi
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

# install_packages NAME...: Debian's names, with the package manager that is here.
install_packages() {
  if have apt-get; then
    bounded 300 as_root apt-get update -q
    bounded 900 as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
  elif have brew; then
    local names=() name
    for name in "$@"; do
      case $name in
        build-essential) die "A C compiler is missing: run xcode-select --install, then start again." ;;
        nodejs) names+=(node) ;;
        npm | python3-pip) ;; # they come with the others
        chromium) names+=(google-chrome) ;;
        *) names+=("$name") ;;
      esac
    done
    [ ${#names[@]} = 0 ] || bounded 1800 brew install "${names[@]}"
  else
    die "Install these with your system's package manager, then start again: $*"
  fi
}

# changed_since FILE: what goes into the binary and is newer than FILE.
changed_since() {
  find .cargo Cargo.* Leptos.toml build.rs crates docs migrations public rules rust-toolchain.toml scripts src style volumes web \
    \( -name node_modules -o -path public/vendor \) -prune -o -type f -newer "$1" -print 2>/dev/null
}

# locked_version CRATE: the version of a crate in Cargo.lock.
locked_version() { awk -v c="$1" '$1=="name" && $3=="\""c"\"" {getline; gsub(/"/,"",$3); print $3; exit}' Cargo.lock; }

# std_source: whether this toolchain has the source of the standard library (scripts/toolchain sees to it).
std_source() { [ -e "$(rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock" ]; }

# fingerprint COMMAND MADE PATHSPEC...: names what COMMAND makes of the files that Git knows or would take there, and of those below MADE, which it would not: other
# steps made them. By this compiler, on such a machine. Fails where there is no Git.
fingerprint() {
  local command=$1 made=$2 wrapper=${RUSTC_WORKSPACE_WRAPPER:-} files file; shift 2
  files=$(
    { git ls-files -z --cached --others --exclude-standard -- "$@" && { [ -z "$made" ] || find $made -type f -print0; }; } | LC_ALL=C sort -zu |
      while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done
  ) || return 1
  {
    printf '%s\n' "$command" "${wrapper##*/}" "${CLIPPY_ARGS:-}" "${REMAP:+mapped}" "$files"
    rustc -vV; uname -sm; if std_source; then echo "from the source of std"; fi
    git hash-object --stdin-paths <<<"$files"
  } | git hash-object --stdin
}

# kept FOLDER COMMAND MADE PATHSPEC...: what COMMAND makes in FOLDER. Where it was made before of the same files, in any checkout, it is taken from there: the browser's half
# takes a quarter of an hour of one core, and most changes leave it as it is.
kept() {
  local folder=$1 print place=""; shift
  if print=$(fingerprint "$@"); then
    place=$CACHE/kept/$print
    if [ -d "$place" ]; then
      echo "it was made before of the same files"
      rm -rf "$folder"; mkdir -p "$(dirname "$folder")"
      cp -Rp "$place" "$folder" || return
      touch "$place"; return
    fi
  fi
  "$1" || return
  # What changed meanwhile may be in it or not.
  if [ -n "$place" ] && [ "$(fingerprint "$@")" = "$print" ]; then
    mkdir -p "$CACHE/kept"
    # Whole or not there.
    { rm -rf "$place.$$" && cp -Rp "$folder" "$place.$$" && { [ -d "$place" ] || mv "$place.$$" "$place"; }; } || rm -rf "$place.$$"
    # What nobody wanted for weeks.
    find "$CACHE/kept" -mindepth 1 -maxdepth 1 -mtime +21 -exec rm -rf {} +
  fi
}

# search_worker: the search engine for a worker of the browser, into target/search-worker; web/build.mjs bundles it from there.
search_worker() { kept target/search-worker make_search_worker '' crates Cargo.toml Cargo.lock .cargo scripts/lib.sh; }
make_search_worker() {
  local name=llmos_search_worker out=target/search-worker built=target/wasm32-unknown-unknown/worker/llmos_search_worker.wasm
  env -u RUSTC_WORKSPACE_WRAPPER -u CLIPPY_ARGS CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-Ctarget-feature=+simd128" \
    cargo build -p llmos-search-worker --profile worker --target wasm32-unknown-unknown || return
  if [ "$out/$name.js" -nt "$built" ]; then return; fi
  wasm-bindgen --target web --out-dir "$out" "$built" || return
  wasm-opt -O3 --enable-simd --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals \
    --enable-reference-types --enable-multivalue -o "$out/${name}_bg.wasm" "$out/${name}_bg.wasm"
}

# build_front: the browser's half for release, each group of pages in a file of its own. A panic there aborts without a text and names no
# place in the source: those texts, and what writes them, are a sixteenth of the first load (docs/decisions/first-load.md). For that the
# standard library is compiled along. None of it is stable yet, hence RUSTC_BOOTSTRAP; where the source is missing, all else works.
# LEPTOS_SITE_ROOT says where it goes, if not to target/site.
build_front() { kept "${LEPTOS_SITE_ROOT:-target/site}" make_front 'public/vendor public/icons' \
  . ':!benches' ':!deploy' ':!docs' ':!end2end' ':!fuzz' ':!scripts/bench' ':!scripts/test' ':!tests' ':(exclude,top,glob)*.md'; }
make_front() {
  local flags="--cfg=erase_components -Zlocation-detail=none $REMAP" std=()
  if std_source; then
    flags+=" -Zunstable-options -Cpanic=immediate-abort"
    std=(CARGO_UNSTABLE_BUILD_STD=std,panic_abort CARGO_UNSTABLE_BUILD_STD_FEATURES=optimize_for_size)
  fi
  # cargo-leptos can do both of what follows it as well: one file after another, and every time.
  local site=${LEPTOS_SITE_ROOT:-target/site} nothing=$CACHE/nothing
  mkdir -p "$nothing"
  ln -sf "$(type -P true)" "$nothing/wasm-opt"
  env PATH="$nothing:$PATH" RUSTC_BOOTSTRAP=1 ${std[@]+"${std[@]}"} CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="$flags" \
    cargo leptos build --release --split --lib-features hydrate,split --frontend-only || return
  node scripts/optimise.mjs "$site/pkg" "$CACHE/binaryen-$BINARYEN/node_modules/binaryen/index.js" || return
  node scripts/pack.mjs "$site/pkg" || return
  node scripts/precompress.mjs "$site" "$CACHE/precompressed"
}

# memory_folder: where files that nothing outlives cost no disk: a folder in memory on a machine that has plenty, else the system's own.
# It goes by what there is, not by what is free: whoever stops what was started there has to find it.
memory_folder() {
  local size memory
  size=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $2}') || true
  memory=$(awk '/^MemTotal/ {print $2}' /proc/meminfo 2>/dev/null) || true
  if [ "${size:-0}" -ge $((8 << 20)) ] && [ "${memory:-0}" -ge $((15 << 20)) ]; then echo /dev/shm; else echo /tmp; fi
}

# browser: the path of an installed Chromium or Chrome.
browser() {
  local candidate
  for candidate in "${CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
    [ -n "$candidate" ] && command -v "$candidate" 2>/dev/null && return 0
  done
  return 1
}

# headless: the path of Chromium without a window, for the browser tests: the same engine without what draws a window, so that pages stand sooner. Else that of
# the whole browser.
headless() {
  if [ -z "${CHROMIUM:-}" ] && have chromium-headless-shell; then command -v chromium-headless-shell; else browser; fi
}
