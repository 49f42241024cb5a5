# `make` lists the targets. The program is `mista`; `target/release/mista --help` says more.

CARGO ?= cargo
SYMBOL ?= BTCUSDT
INTERVAL ?= 1h
SCRIPT ?= strategies/breakout.rhai
SCRIPTS ?= $(filter-out %.d.rhai,$(wildcard strategies/*.rhai))
MISTA = target/release/mista

.DEFAULT_GOAL := help
.PHONY: help install run check fetch-data optimize optimize-batch trigger-threaded-optimizer forward-test \
	forward-test-all trader lint format test ci

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-28s%s\n", $$1, $$2 }' Makefile

install: ## Build target/release/mista
	$(CARGO) build --release --locked

run: install ## Backtest a script: make run SCRIPT=strategies/hybrid.rhai ARGS="--start 2022-01-01"
	$(MISTA) run $(SCRIPT) $(ARGS)

check: install ## Check the scripts in strategies/
	@for script in $(SCRIPTS); do echo "check $$script"; $(MISTA) check "$$script" || exit 1; done

fetch-data: install ## Download candles: make fetch-data SYMBOL=BTCUSDT INTERVAL=1h ARGS="--start 2021-01-01"
	$(MISTA) fetch --symbol $(SYMBOL) --interval $(INTERVAL) $(ARGS)

optimize: install ## Search a script's parameters: make optimize SCRIPT=strategies/hybrid.rhai ARGS="--end 2022-01-01"
	$(MISTA) optimize $(SCRIPT) $(ARGS)

optimize-batch: install ## Search every strategy on every symbol: make optimize-batch ARGS="--symbols BTCUSDT"
	$(MISTA) optimize --all $(ARGS)

trigger-threaded-optimizer: install ## The same on so many threads: make trigger-threaded-optimizer THREADS=4
	$(MISTA) optimize --all $(if $(THREADS),--threads $(THREADS)) $(ARGS)

forward-test: install ## Best parameters on later candles: make forward-test PARAMS=results/optimize/...yaml
	$(MISTA) forward-test $(PARAMS) $(ARGS)

forward-test-all: install ## The same for all best parameters
	$(MISTA) forward-test --all $(ARGS)

trader: install ## Trade with play money on an exchange of its own; ARGS="--venue testnet --keys FILE" for another venue
	$(MISTA) trade $(SCRIPT) $(ARGS)

lint: ## Formatting and clippy, warnings are errors
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

format: ## Format the source
	$(CARGO) fmt

test: ## All tests
	$(CARGO) test --locked

ci: ## What the continuous integration runs
	.ci/run
