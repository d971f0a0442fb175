#!/bin/sh
# Compares Parsimony's attention, matrix product and training step with PyTorch's in the same process, on two threads, in some four minutes.
#
#   benchmarks/peers/pytorch.sh
#
# Needs JDK 25 in JAVA_HOME or on the PATH; the first run fetches PyTorch's binaries (110 MB, Maven's org.bytedeco:pytorch).

set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
(cd "$root" && ./mvnw -q -B -Ppytorch -pl benchmarks/peers/pytorch -am -DskipTests -Dspotless.check.skip package >&2)
peer=$root/benchmarks/peers/pytorch/target
exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
    --sun-misc-unsafe-memory-access=allow -Xmx6g -Dorg.bytedeco.javacpp.maxphysicalbytes=0 \
    -cp "$peer/pytorch.jar:$(cat "$peer/class-path")" parsimony.benchmarks.jmh.PyTorchBenchmark
