# Two commands matter: `make run` and `make test`. `make help` lists the others.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test test-security fuzz lint bench faults build web sbom generate fmt setup stop-test-cluster

# Queries are checked against the committed metadata, whatever database the shell's DATABASE_URL names.
export SQLX_OFFLINE := true

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## build and run server, database and a local agent; HEAL=1 lets the agent mend, DATA=… moves the data
	@exec scripts/run

test: ## everything: web unit tests, Rust tests on a real PostgreSQL, browser tests on the real binary
	@exec scripts/test

test-security: web ## outside judges on the real binary: schemathesis, sqlmap, slow clients; takes long
	@exec scripts/test-security

fuzz: ## every parser of bytes from outside under libFuzzer, 5 minutes each; FUZZ_SECONDS=60, FUZZ_TARGETS="note tile"
	@exec scripts/fuzz

lint: ## format, clippy, crate graph, migrations, generated files, unused web code
	@exec scripts/lint

faults: web ## kill server, database and agent under load and read everything back; KILLS=500 for longer
	@exec scripts/faults

bench: web ## the table of docs/benchmarks.md, each figure as a ratio to a ceiling of the same run
	@exec scripts/bench

build: web ## the binaries, with the speed of a release
	cargo build --profile fast -p proofline -p proofline-agent

sbom: ## list what programs and web app are made of, as CycloneDX, in target/sbom
	@cargo xtask sbom

generate: ## make the committed generated files anew
	cargo xtask generate

fmt: ## format the Rust code
	cargo fmt --all

setup: ## install what this machine lacks, or say what
	@exec scripts/setup test

stop-test-cluster: ## stop the PostgreSQL server that the tests share
	cargo xtask stop-test-cluster

# The web app, built when one of its sources is newer. The server embeds web/dist.
WEB_SOURCES := $(shell find web -type d \( -name node_modules -o -name dist -o -name test-results -o -name e2e \) -prune \
	-o -type f -print)

web: web/dist/index.html

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && npm run --silent build -- --logLevel warn
	@touch $@ && echo "web app built in web/dist"

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund
	@touch $@
