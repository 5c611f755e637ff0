# SPDX-License-Identifier: Apache-2.0
# Thin: each target calls CMake, ctest or a script. `make help` lists them.
# Not by $(abspath), which cannot have blanks in the path.
root := $(shell dirname -- "$$(realpath -- "$(strip $(MAKEFILE_LIST))")")/
SEEDS ?= 20000
FUZZ_SECONDS ?= 60
PREFIX ?= /usr/local
# Outer make's job server and options are no concern of the inner builds.
MAKEFLAGS :=
MAKEFLAGS += --no-print-directory

.PHONY: help build demo check sim soak fuzz bench bench-peers format install clean

help:
	@echo "make demo     build and count words in several worker processes"
	@echo "make check    every test; installs missing Debian packages first"
	@echo "make build    the release build in build/release"
	@echo "make sim SEEDS=n           n simulated runs (20000)"
	@echo "make soak                  ten minutes at full rate, memory must stay flat"
	@echo "make fuzz FUZZ_SECONDS=n   n seconds for each fuzz target (60)"
	@echo "make bench BENCH=...       gale bench with these arguments"
	@echo "make bench-peers           Gale, Storm and Flink in turns (needs maven and Java)"
	@echo "make format                clang-format over the sources"
	@echo "make install PREFIX=dir    gale, libgale, headers (/usr/local)"
	@echo "make clean                 removes build/"

build:
	@cd "$(root)" && bash tests/setup.sh build && bash tests/build.sh release

# Not in the root: a relative DEMO is the caller's. By the environment: it may hold blanks.
export DEMO
demo: build
	@GALE_SOURCE="$(root:/=)" GALE_BUILD="$(root)build/release" \
		GALE="$(root)build/release/gale" bash "$(root)topologies/wordcount/demo.sh" "$$DEMO"

check:
	@cd "$(root)" && bash tests/setup.sh check && bash tests/check.sh

sim:
	@cd "$(root)" && bash tests/setup.sh check && bash tests/build.sh release gale_sim gale_sim_cluster && \
		build/release/tests/gale_sim --seeds $(SEEDS) && \
		build/release/tests/gale_sim_cluster --seeds $(SEEDS)

soak: build
	@cd "$(root)" && GALE_SOURCE="$(root:/=)" GALE_BUILD="$(root)build/release" \
		GALE="$(root)build/release/gale" bash tests/blackbox/soak.sh

fuzz:
	@cd "$(root)" && bash tests/setup.sh check && bash tests/fuzz/run.sh $(FUZZ_SECONDS)

bench: build
	@cd "$(root)" && build/release/gale bench $(BENCH)

bench-peers: build
	@cd "$(root)" && GALE_BUILD="$(root)build/release" GALE="$(root)build/release/gale" \
		python3 -B bench/peers/peers.py --json bench/results/local/peers.json $(PEERS)

format:
	@bash "$(root)tests/lint/lint.sh" fix "$(root:/=)" "$(root)build/release"

install: build
	@cd "$(root)" && cmake --install build/release --prefix "$(PREFIX)"

clean:
	@rm -rf "$(root)build"
