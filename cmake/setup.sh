# cmake/setup.sh: finds or installs what it takes to build and run latepy's programs. Sourced by examples/run.sh and
# tests/run.sh, which then have $root, $build and $jobs. What is there already is not installed again.

# shellcheck disable=SC2034 # used by those who source this
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${LATEPY_BUILD_DIR:-$root/build}
jobs=$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)

has() { command -v "$1" >/dev/null 2>&1; }
fail() { printf 'latepy: %s\n' "$*" >&2; exit 1; }

# A libpython of 3.9 or newer, wherever one is usual; the program itself looks more closely.
has_libpython() {
  for library in "${LATEPY_LIBRARY:-}" /usr/lib/libpython3.* /usr/lib64/libpython3.* /usr/lib/*/libpython3.* \
    /usr/local/lib/libpython3.* "${CONDA_PREFIX:-/nonexistent}"/lib/libpython3.* \
    "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/lib/libpython3.* "${HOME:-}"/.local/share/uv/python/*/lib/libpython3.* \
    /opt/homebrew/Frameworks/Python.framework/Versions/3.*/Python \
    /usr/local/Frameworks/Python.framework/Versions/3.*/Python /Library/Frameworks/Python.framework/Versions/3.*/Python
  do
    [ -f "$library" ] || continue
    case $library in
      *.a | */libpython3.so | *[/n]3.[0-8] | *[/n]3.[0-8][!0-9]*) ;;
      *) return 0 ;;
    esac
  done
  return 1
}

# has_headers <path>: whether a folder of headers has it.
has_headers() {
  for folder in /usr/include /usr/local/include /opt/homebrew/include; do
    [ -e "$folder/$1" ] && return 0
  done
  return 1
}

system_python() { for python in python3 /usr/bin/python3; do has "$python" && "$python" -c "$1" 2>/dev/null && return 0; done; return 1; }

# package <thing>: what this system calls it.
package() {
  case $manager:$1 in
    apt-get:compiler) echo g++ ;;
    apt-get:libpython) echo "libpython$(apt-cache show python3 | sed -n 's/^Version: \(3\.[0-9]*\).*/\1/p' | head -n 1)" ;;
    apt-get:python) echo python3 python3-venv ;;
    apt-get:numpy) echo python3-numpy ;;
    apt-get:pyflakes | apt-get:pandas | apt-get:scipy | apt-get:matplotlib | apt-get:distributed) echo "python3-$1" ;;
    apt-get:tkinter) echo python3-tk ;;
    apt-get:xvfb) echo xvfb xauth ;;
    apt-get:eigen) echo libeigen3-dev ;;
    dnf:compiler) echo gcc-c++ ;;
    dnf:catch2) echo catch-devel ;;
    dnf:pkg-config) echo pkgconf-pkg-config ;;
    dnf:libpython) echo python3-libs ;;
    dnf:python) echo python3 ;;
    dnf:numpy) echo python3-numpy ;;
    dnf:mypy) echo python3-mypy ;;
    dnf:pyflakes | dnf:pandas | dnf:scipy | dnf:matplotlib | dnf:distributed | dnf:tkinter) echo "python3-$1" ;;
    dnf:xvfb) echo xorg-x11-server-Xvfb xorg-x11-xauth ;;
    dnf:eigen) echo eigen3-devel ;;
    pacman:compiler) echo gcc ;;
    pacman:pkg-config) echo pkgconf ;;
    pacman:libpython | pacman:python) echo python ;;
    pacman:numpy) echo python-numpy ;;
    pacman:pyflakes | pacman:pandas | pacman:scipy | pacman:matplotlib | pacman:distributed) echo "python-$1" ;;
    pacman:tkinter) echo tk ;;
    pacman:xvfb) echo xorg-server-xvfb xorg-xauth ;;
    apk:compiler) echo g++ ;;
    apk:catch2) echo catch2-3 ;;
    apk:pkg-config) echo pkgconf ;;
    apk:libpython | apk:python) echo python3 ;;
    apk:numpy) echo py3-numpy ;;
    apk:mypy) echo py3-mypy ;;
    apk:pyflakes | apk:pandas | apk:scipy | apk:matplotlib | apk:distributed) echo "py3-$1" ;;
    apk:tkinter) echo python3-tkinter ;;
    apk:xvfb) echo xvfb xauth ;;
    apk:eigen) echo eigen-dev ;;
    brew:compiler) fail 'no C++ compiler: run xcode-select --install, then this script again' ;;
    brew:pkg-config) echo pkgconf ;;
    brew:libpython | brew:python) echo python ;;
    *) echo "$1" ;;
  esac
}

# need <thing>...: installs those of compiler cmake make catch2 eigen pkg-config libpython python mypy doxygen xvfb, and
# of the modules numpy pandas scipy matplotlib distributed tkinter pyflakes, that are missing.
need() {
  missing=
  for thing in "$@"; do
    case $thing in
      compiler) has "${CXX:-c++}" || has g++ || has clang++ ;;
      catch2) has_headers catch2 ;;
      eigen) has_headers eigen3/Eigen/Core ;;
      libpython) has_libpython ;;
      python) system_python 'import venv, ensurepip' ;;
      numpy | tkinter | pyflakes) system_python "import $thing" ;;
      pandas | scipy | matplotlib | distributed)
        system_python "import importlib.util, sys; sys.exit(not importlib.util.find_spec('$thing'))" ;;
      xvfb) has xvfb-run ;;
      *) has "$thing" ;;
    esac || missing="$missing $thing"
  done
  [ -n "$missing" ] || return 0

  manager=
  for candidate in apt-get dnf pacman apk brew; do
    if has "$candidate"; then manager=$candidate; break; fi
  done
  [ -n "$manager" ] || fail "missing:$missing. Install them: this system has none of apt-get, dnf, pacman, apk and brew."
  sudo=
  if [ "$manager" != brew ] && [ "$(id -u)" != 0 ]; then
    [ -z "${wanted:-}" ] || return 1  # for these nobody is asked a password
    has sudo || fail "missing:$missing. Install them as root: this user may not, and there is no sudo."
    sudo=sudo
  fi

  export DEBIAN_FRONTEND=noninteractive
  if [ "$manager" = apt-get ]; then
    printf 'latepy: missing:%s; reading the lists of packages\n' "$missing"
    $sudo apt-get update -q
  fi
  packages=
  for thing in $missing; do
    names=$(package "$thing") || exit 1
    packages="$packages $names"
  done
  printf 'latepy: installing with %s:%s\n' "$manager" "$packages"
  # shellcheck disable=SC2086 # the list is meant to be split
  case $manager in
    apt-get) $sudo apt-get install -q -y --no-install-recommends $packages ;;
    dnf) $sudo dnf install -y $packages ;;
    pacman) $sudo pacman -Sy --needed --noconfirm $packages ;;
    apk) $sudo apk add $packages ;;
    brew) brew install $packages ;;
  esac
}

# want <thing>...: as need(), where the tests can do without. All at once, or what there is.
want() {
  (wanted=$*; need "$@") && return
  for thing in "$@"; do
    (wanted=$thing; need "$thing") || printf 'latepy: %s is missing: the tests that use it are skipped\n' "$thing"
  done
}

# configure <folder> <option>...: Ninja where it is, else what CMake takes by itself.
configure() {
  folder=$1
  shift
  if has ninja && [ ! -f "$folder/CMakeCache.txt" ]; then set -- -G Ninja "$@"; fi
  cmake -S "$root" -B "$folder" "$@"
}
