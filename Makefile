# make test     all tests on this host, on riscv64 and in part on arm64, both emulated; installs the tools
#               that they compare with (Debian 12, as root or through sudo). Each suite alone: make test-host,
#               test-riscv64, test-arm64
# make lint     gofmt and go vet
# make cross    everything compiles, tests too, on every kind of host; one that cannot be a host is refused
# make test-kernel  everything that a program may call, in the kernel and in rivet (root; any Linux with BPF)
# make bench    the Go benchmarks, and the programs of bench/ beside Linux's and clang's native code
# make bench-riscv64  times native code beside the interpreter and clang's code, under qemu-user
# make soak     everything at once on native code, for SOAK (5m): runs, faults, Close, garbage collection, profiles;
#               then every program that takes packets on 10,000 random ones, in the kernel too (root)
# make objects  rebuilds every committed object and executable with clang 19
# make docs     rewrites the output that Markdown files show; make measure, the figures that depend on the host too
# make race     the packages with concurrency under the race detector

GO        ?= go
TESTFLAGS ?=
PKGS      ?= ./...

# Packages in which goroutines meet. What counts allocations is left out: under the detector pools give less back.
RACE_PKGS = . ./ringbuf ./perf ./internal/bell ./internal/arena ./internal/maps ./internal/helpers ./internal/engine

# The hosts that rivet is built for.
HOSTS = linux/riscv64 linux/amd64 linux/arm64 darwin/arm64 windows/amd64 js/wasm

# What differs from one kind of host to the other, beside riscv64's native engine: how engines touch memory.
ARM64_PKGS = . ./ringbuf ./perf ./internal/arena ./internal/enginetest ./internal/hart ./internal/hartrun ./internal/helpers \
	./internal/interp ./internal/maps ./internal/progen/difftest

# Random programs of an emulated suite (the host's runs 20,000).
EMULATED_PROGRAMS ?= 2000

.PHONY: all build test test-host test-riscv64 test-arm64 test-kernel race lint soak cross bench bench-riscv64 objects docs measure tools clean

all: build

build:
	$(GO) build ./...

tools:
	@scripts/install-tools.sh test

# One after the other, whatever -j says: some tests measure speed. scripts/testreport reads the names of suites.
test:
	@$(MAKE) --no-print-directory test-host
	@$(MAKE) --no-print-directory test-riscv64
	@$(MAKE) --no-print-directory test-arm64

test-host: tools
	@echo suite host
	$(GO) test -timeout 18m $(TESTFLAGS) $(PKGS)
	$(GO) test -tags measure -run 'TestBenchGoals|TestScripts/bench' $(TESTFLAGS) ./cmd/rivet

test-riscv64: tools
	@echo suite riscv64
	$(call emulated,riscv64,qemu-riscv64-static) $(PKGS)

test-arm64: tools
	@echo suite arm64
	$(call emulated,arm64,qemu-aarch64-static) $(ARM64_PKGS)

# go test for an architecture under its emulator.
emulated = GOARCH=$(1) CGO_ENABLED=0 RIVET_EMULATOR=$(2) RIVET_PROGRAMS=$(EMULATED_PROGRAMS) \
	$(GO) test -exec $(2) -vet=off -timeout 18m $(TESTFLAGS)

# In CI a kernel that cannot run this is a failure; elsewhere the test says why it is skipped.
test-kernel: SHELL := bash
test-kernel:
	set -o pipefail; $(GO) test -count 1 -v -run 'TestWorld|TestKernel|TestRandomWorld' $(TESTFLAGS) ./internal/kerneltest | grep -v '^    *--- PASS\|^=== '

# How long make soak goes on; within make test it is 20 seconds.
SOAK ?= 5m

soak: tools
	RIVET_SOAK=$(SOAK) $(call emulated,riscv64,qemu-riscv64-static) -count 1 -run TestSoak -v .
	RIVET_RANDOM_RUNS=10000 $(GO) test -count 1 -timeout 60m -run TestRandomWorld $(TESTFLAGS) ./internal/kerneltest

race:
	@scripts/install-tools.sh race
	CGO_ENABLED=1 $(GO) test -race -short -skip Allocate -timeout 10m $(TESTFLAGS) $(RACE_PKGS)
	CGO_ENABLED=1 $(GO) test -race -run 'Property7|Goroutines|Nested|Stop' $(TESTFLAGS) ./internal/hartrun

lint:
	@out=$$(gofmt -l . ); if [ -n "$$out" ]; then echo "not formatted, run gofmt -w:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags measure ./...

cross:
	@for host in $(HOSTS); do \
		echo "compiling for $$host"; \
		export GOOS=$${host%/*} GOARCH=$${host#*/}; \
		$(GO) build ./... && $(GO) vet ./... || exit 1; \
	done
	scripts/refused.sh

bench:
	$(GO) test -run '^$$' -bench . -benchtime 0.5s $(TESTFLAGS) $(PKGS)
	$(GO) run -tags measure ./cmd/rivet bench bench/

# All of it in one emulator process, so that what the emulator costs is the same for everything.
bench-riscv64: tools
	@bin=$$(mktemp -d) && trap 'rm -rf "$$bin"' EXIT && \
	CGO_ENABLED=0 GOARCH=riscv64 $(GO) build -tags measure -o "$$bin/rivet" ./cmd/rivet && \
	qemu-riscv64-static "$$bin/rivet" bench-native bench

objects:
	@scripts/install-tools.sh objects
	scripts/build-objects.sh

docs:
	$(GO) run ./scripts/docs

measure:
	$(GO) run ./scripts/docs -measure docs/PERFORMANCE.md docs/PERFORMANCE-riscv64.md

clean:
	rm -f rivet rivet-conformance
