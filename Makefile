# `make` prints the targets. CI runs the same ones as a person.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export CARGO_TERM_PROGRESS_WHEN := never
TARGET := $(or $(CARGO_TARGET_DIR),target)
DEBUG := $(TARGET)/debug
ROUNDS ?= 200
CASES ?= 500
SECONDS_OF_KILLS ?= 60
SECONDS_OF_FUZZING ?= 60

.PHONY: help deps build catalogue demo kill demo-cdc demo-oci demo-mssql chaos-mssql test test-mssql test-cosign test-long lint deny ci bench fuzz chaos clean

help: ## Print this list
	@echo "Usage: make TARGET"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

deps: ## Install what is missing, as Debian packages: a C compiler, bash, python3, sqlite3, strace, PostgreSQL, MariaDB, docker-registry, openssl
	@.ci/deps test

build: ## Build dstream and the providers, for use (release)
	cargo build --release --workspace --bins
	@echo "in $(TARGET)/release: dstream and the providers"

catalogue: ## Write catalogue.json: every provider of this repository, as it describes itself
	@cargo build --quiet -p dstream-cli $(patsubst providers/%,-p dstream-%,$(wildcard providers/*))
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	  for provider in providers/*; do name=$${provider#providers/}; "$(DEBUG)/dstream-$$name" describe >"$$folder/$$name.json"; done; \
	  "$(DEBUG)/dstream" provider catalogue build "$$folder" --source ghcr.io/dstream >"$$folder/new"; mv "$$folder/new" catalogue.json
	@echo "catalogue.json: $$(grep -c '"name"' catalogue.json) providers"

demo: ## 28,298 airports from a CSV file into SQLite, and a question to the table
	@.ci/demo

kill: ## The demo again, killed half way and run again
	@.ci/demo kill

demo-cdc: ## pgbench writes into one PostgreSQL, dstream keeps another identical, everything is killed for a minute
	@.ci/deps test
	@echo "Building dstream and the providers (the first time takes a few minutes) ..."
	@cargo build --quiet -p dstream-cli -p dstream-in-postgres -p dstream-out-postgres -p dstream-tests --bins
	@DSTREAM_BINARIES="$(abspath $(DEBUG))" "$(DEBUG)/dstream-mirror" $(SECONDS_OF_KILLS)

demo-oci: ## Providers published to a registry, signed, locked, pulled, run, tampered with; half a minute
	@.ci/demo-oci

demo-mssql: ## Two readers share the tables of a (simulated) SQL Server, one is killed, the other takes over; about a minute
	@.ci/deps test
	@echo "Building dstream, the providers and the simulator (the first time takes a few minutes) ..."
	@cargo build --quiet -p dstream-cli -p dstream-in-mssql -p dstream-out-postgres -p dstream-tests --bins
	@DSTREAM_BINARIES="$(abspath $(DEBUG))" "$(DEBUG)/dstream-takeover-story"

test: ## Run every test; those of databases install and start servers of their own
	@.ci/deps test
	cargo build --workspace --bins
	DSTREAM_BINARIES="$(abspath $(DEBUG))" cargo test --workspace --no-fail-fast

test-mssql: ## The tests of the SQL Server providers, on the server that DSTREAM_TEST_MSSQL_URL names (else a simulated one)
	@.ci/deps test
	cargo test --no-fail-fast -p dstream-in-mssql -p dstream-out-mssql -- --test-threads 4

test-cosign: ## Signatures made by cosign and judged by dstream, and the other way round; cosign must be in PATH
	@.ci/cosign

test-long: ## PostgreSQL to PostgreSQL with random tables and kills, 500 cases in place of 50 (CASES=n); about 20 minutes
	@.ci/deps test
	cargo build --workspace --bins
	CASES=$(CASES) DSTREAM_BINARIES="$(abspath $(DEBUG))" cargo test -p dstream-tests --test postgres_to_postgres -- --nocapture

lint: ## Formatting, clippy without warnings, documentation without warnings
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

deny: ## Licences, banned crates, sources of every dependency
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --workspace check licenses bans sources

ci: ## What .ci/run does: lint, test, deny
	@.ci/run

bench: ## Every promised figure beside its alternative, as a table (release; about ten minutes once it is built)
	cargo run --release --package dstream-bench

# The flags are those of `cargo fuzz`, without a sanitizer: so a stable compiler will do.
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
	-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing
FUZZ_TARGET := $(shell rustc -vV | sed -n 's/^host: //p')

fuzz: ## A minute of made-up references, manifests, titles, lock files and signatures (SECONDS_OF_FUZZING=n); needs a C++ compiler
	@command -v c++ >/dev/null || { echo "please install a C++ compiler (Debian: g++)" >&2; exit 1; }
	cd fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" cargo build --release --target $(FUZZ_TARGET)
	@mkdir -p fuzz/corpus
	$(abspath $(or $(CARGO_TARGET_DIR),fuzz/target))/$(FUZZ_TARGET)/release/registry -max_total_time=$(SECONDS_OF_FUZZING) -max_len=4096 -rss_limit_mb=512 \
	  -artifact_prefix=fuzz/ -print_final_stats=1 fuzz/corpus fuzz/seeds

chaos: ## 200 rounds of SIGKILL at random moments (ROUNDS=n; SEED=s ROUND=n plays one again)
	cargo build --release --workspace --bins
	DSTREAM_BINARIES="$(abspath $(TARGET))/release" "$(TARGET)/release/dstream-chaos" $(ROUNDS)

chaos-mssql: ## Two readers of one SQL Server, 50 kills and pauses at random (ROUNDS=n; SEED=s); about five minutes
	@.ci/deps test
	@cargo build --quiet -p dstream-cli -p dstream-in-mssql -p dstream-out-postgres -p dstream-tests --bins
	@DSTREAM_BINARIES="$(abspath $(DEBUG))" "$(DEBUG)/dstream-takeovers" $(if $(filter 200,$(ROUNDS)),50,$(ROUNDS))

clean: ## Remove what the demo and the examples wrote; builds stay
	rm -rf .dstream *.db *.db-* examples/*/{.dstream,out,*.db,*.db-*}
