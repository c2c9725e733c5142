#!/bin/sh
# Builds tests for another kind of machine, and runs them with qemu, fast paths on and off, on Debian's CPython for it:
#   sh tests/other_machines.sh s390x core_refcount_test memory_buffer_test     64 bits, big endian
#   sh tests/other_machines.sh armhf core_refcount_test                        32 bits; arm64 works too
# Debian: apt-get install catch2 qemu-user-static g++-s390x-linux-gnu (g++-arm-linux-gnueabihf, g++-aarch64-linux-gnu)
set -eu
arch=${1:?which machine: s390x, armhf or arm64}
shift
case $arch in
  s390x) triplet=s390x-linux-gnu qemu=qemu-s390x-static ;;
  armhf) triplet=arm-linux-gnueabihf qemu=qemu-arm-static ;;
  arm64) triplet=aarch64-linux-gnu qemu=qemu-aarch64-static ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
build=${LATEPY_BUILD_DIR:-$root/build}/$arch
apt="-o APT::Architecture=$arch -o APT::Architectures=$arch -o Dir::State=$build/apt
  -o Dir::State::status=$build/apt/status -o Dir::Cache=$build/apt/cache"

if [ ! -d "$build/sysroot" ]; then  # the CPython, without a foreign architecture on this system
  mkdir -p "$build/apt/lists/partial" "$build/apt/cache/archives/partial" "$build/debs" "$build/catch"
  : > "$build/apt/status"
  ln -sfn /usr/include/catch2 "$build/catch/catch2"
  apt-get $apt update
  (cd "$build/debs" && apt-get $apt download libpython3.11 libpython3.11-stdlib libpython3.11-minimal python3-numpy \
    libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5 libsqlite3-0 libssl3 libblas3 liblapack3 \
    libgfortran5 libuuid1)
  for package in "$build"/debs/*.deb; do dpkg -x "$package" "$build/sysroot"; done
fi
compile="$triplet-g++ -std=c++17 -O1 -I$root/include -isystem $build/catch -DLATEPY_TEST_BINARIES=\"$build\""
compile="$compile -DLATEPY_TEST_SOURCES=\"$root/tests\""
[ -f "$build/main.o" ] || $compile -c "$root/tests/main.cpp" -o "$build/main.o"
library=$(ls "$build/sysroot/usr/lib/$triplet"/libpython3.*.so.1.0)
for test; do
  $compile "$root/tests/$test.cpp" "$build/main.o" -o "$build/$test" -ldl -pthread
  for off in 0 1; do
    (cd "$build" && LATEPY_LIBRARY=$library LATEPY_NO_FAST_PATH=$off $qemu -L "$build/sysroot" "./$test")
  done
done
