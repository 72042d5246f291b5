# Sourced by script/run and script/test: Python, virtual environment, packages, OS libraries.
# Sets PY (the environment's Python). Argument 1: the extras to install.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

QT_LIBRARIES="libglib2.0-0 libegl1 libgl1 libdbus-1-3 libfontconfig1 libxkbcommon0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxkbcommon-x11-0"

say() { printf 'tdxviz: %s\n' "$*" >&2; }
stop() { say "$*"; exit 2; }

find_python() {
  local name
  for name in python3 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  stop "Python 3.11 or newer is needed and was not found. Next: install it (Debian: apt-get install python3)."
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}

install_os_packages() { # install what is missing of the given Debian packages, or say how
  local missing="" name
  command -v dpkg-query >/dev/null || { say "not a Debian system: make sure that Qt 6's libraries are installed ($*)."; return 0; }
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing="$missing $name"
  done
  [ -z "$missing" ] && return 0
  say "installing with apt:$missing"
  if ! { as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq \
      && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>.apt.log; then
    tail -n 3 .apt.log >&2 || true
    rm -f .apt.log
    stop "these packages could not be installed here. Next, run as root and start again:
    apt-get install --no-install-recommends$missing"
  fi
  rm -f .apt.log
}

make_environment() { # $1: extras
  local python stamp
  python="$(find_python)"
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    install_os_packages "$("$python" -c 'import sys; print("python3-venv" if sys.prefix == "/usr" else "python3-venv")')"
  fi
  [ -x .venv/bin/python ] || "$python" -m venv .venv || stop "the virtual environment .venv could not be made; is the disk full?"
  PY="$PWD/.venv/bin/python"
  stamp=".venv/.tdxviz-$(printf '%s' "$1" | tr -c 'a-z' '-')-$(cksum < pyproject.toml | tr ' ' '-')"
  if [ ! -f "$stamp" ]; then
    say "installing Python packages (once; about 300 MB)"
    "$PY" -m pip install --quiet --disable-pip-version-check --editable ".[$1]" \
      || stop "the Python packages could not be installed; the lines above say why. Next: check the network and start again."
    touch "$stamp"
  fi
}
