# Sourced by script/run and script/test: Python, virtual environment, packages, OS libraries.
# make_environment sets PY (the environment's Python).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

QT_LIBRARIES="libglib2.0-0 libegl1 libgl1 libdbus-1-3 libfontconfig1 libxkbcommon0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxkbcommon-x11-0"
QT_FILES="libEGL.so.1 libGL.so.1 libdbus-1.so.3 libfontconfig.so.1 libxkbcommon.so.0 libxcb-cursor.so.0"

say() { printf 'tdxviz: %s\n' "$*" >&2; }
stop() { say "$*"; exit 2; }

find_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  stop "Python 3.11 or newer is needed and was not found. Next: install it (Debian: apt-get install python3), then start this again."
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}

installed() { # a Debian package, under its own name or that of the 64-bit time transition
  local found
  found="$(dpkg-query -W -f='${Status}\n' "$1" "$1t64" 2>/dev/null || true)"
  [[ "$found" == *"ok installed"* ]]
}

install_os_packages() { # install what is missing of the given Debian packages, or say how
  local missing="" name log
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    look_for_qt_files
    return 0
  fi
  for name in "$@"; do
    installed "$name" || missing="$missing $name"
  done
  [ -z "$missing" ] && return 0
  say "installing with apt:$missing"
  log="$(mktemp)"
  if ! { as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq \
      && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>"$log" </dev/null; then
    tail -n 3 "$log" >&2 || true
    rm -f "$log"
    stop "these packages could not be installed from here. Next: run the line below as root, then start this again.
    apt-get install --no-install-recommends$missing"
  fi
  rm -f "$log"
}

look_for_qt_files() { # other systems: say what is not there, and go on
  local missing="" name
  command -v ldconfig >/dev/null || return 0
  for name in $QT_FILES; do
    ldconfig -p 2>/dev/null | grep -q "$name" || missing="$missing $name"
  done
  [ -z "$missing" ] || say "this is not Debian, and Qt needs libraries that were not found:$missing. If the window does not open, install them and start again."
}

make_environment() { # $1: extras
  local python stamp
  python="$(find_python)"
  "$python" -c 'import venv, ensurepip' 2>/dev/null || install_os_packages python3-venv
  if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then # none, or one that was cut off
    "$python" -m venv --clear .venv || stop "the virtual environment .venv could not be made; the lines above say why. Next: mend that (disk full? python3-venv missing?) and start this again."
  fi
  PY="$PWD/.venv/bin/python"
  stamp=".venv/tdxviz-$1-$(cksum < pyproject.toml | tr ' ' '-')"
  [ -f "$stamp" ] && return 0
  say "installing Python packages into .venv (once; about 300 MB, a minute or two)"
  "$PY" -m pip install --quiet --disable-pip-version-check --editable ".[$1]" </dev/null \
    || stop "the Python packages could not be installed; the lines above say why. Next: check the network and start this again."
  rm -f .venv/tdxviz-"$1"-*
  touch "$stamp"
}
