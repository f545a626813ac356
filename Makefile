# make test     all tests; installs the tools they compare with (Debian 12, as root or through sudo)
# make lint     gofmt and go vet
# make bench    the Go benchmarks, and the programs of bench/ beside Linux's and clang's native code
# make bench-riscv64  times native code beside the interpreter and clang's code, under qemu-user
# make objects  rebuilds every committed object and executable with clang 19
# make docs     rewrites the output that Markdown files show; make measure, the figures that depend on the host too
# make race     the packages with concurrency under the race detector

GO        ?= go
TESTFLAGS ?=
PKGS      ?= ./...

# Packages in which goroutines meet. What counts allocations is left out: under the detector pools give less back.
RACE_PKGS = . ./internal/arena ./internal/maps ./internal/helpers ./internal/engine

.PHONY: all build test race lint bench bench-riscv64 objects docs measure tools clean

all: build

build:
	$(GO) build ./...

tools:
	@scripts/install-tools.sh test

test: tools
	$(GO) test -timeout 18m $(TESTFLAGS) $(PKGS)

race:
	@scripts/install-tools.sh race
	CGO_ENABLED=1 $(GO) test -race -short -skip Allocate -timeout 10m $(TESTFLAGS) $(RACE_PKGS)
	CGO_ENABLED=1 $(GO) test -race -run 'Property7|Goroutines|Nested|Stop' $(TESTFLAGS) ./internal/hartrun

lint:
	@out=$$(gofmt -l . ); if [ -n "$$out" ]; then echo "not formatted, run gofmt -w:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags measure ./...

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
