#!/bin/sh
# Compares Parsimony with llama.cpp on the same GGUF file in the same run, one after the other.
#
#   benchmarks/peers/llama-cpp.sh MODEL.gguf [ROUNDS]           speed: a prompt of 128 tokens, then one by one, on two threads
#   benchmarks/peers/llama-cpp.sh --perplexity MODEL.gguf TEXT  quality: both on the same tokens in the same windows
#
# Needs Node 20 or newer; the first run fetches llama.cpp's binaries (npm's node-llama-cpp).

set -eu
folder=$(CDPATH='' cd -- "$(dirname -- "$0")/llama-cpp" && pwd -P)
[ -d "$folder/node_modules" ] || (cd "$folder" && npm install --no-audit --no-fund >&2)
script=speed.mjs
if [ "${1:-}" = --perplexity ]; then
    script=perplexity.mjs
    shift
fi
exec node "$folder/$script" "$@"
