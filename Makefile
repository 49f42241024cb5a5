# `make` lists the targets. The program is `mista`; `target/release/mista --help` says more.

CARGO ?= cargo
SCRIPT ?= strategies/breakout.rhai
SCRIPTS ?= $(filter-out %.d.rhai,$(wildcard strategies/*.rhai))
MISTA = target/release/mista

# Says on standard error what is planned and what to use meanwhile.
planned = @echo "make $@: planned, not there yet: $(1)" >&2; exit 2

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

fetch-data: ## Planned: download candles
	$(call planned,'mista fetch' will download candles. Meanwhile see docs/data.md about archives of candles.)

optimize: ## Planned: search a script's parameters
	$(call planned,'mista optimize' will search a grid of parameters. Meanwhile see docs/optimize.md for a loop around 'mista run'.)

optimize-batch: ## Planned: search for several scripts and symbols
	$(call planned,'mista optimize --all' will search for several scripts and symbols. Meanwhile see docs/optimize.md.)

trigger-threaded-optimizer: ## Planned: the same on all cores
	$(call planned,'mista optimize' will use all cores by itself. Meanwhile see docs/optimize.md.)

forward-test: ## Planned: best parameters on later candles
	$(call planned,'mista forward-test' will run best parameters on later candles. Meanwhile use 'mista run --params FILE --start DATE'.)

forward-test-all: ## Planned: the same for all best parameters
	$(call planned,'mista forward-test --all' will run all best parameters. Meanwhile use 'mista run --params FILE --start DATE' for each.)

trader: ## Planned: trade, simulated or live
	$(call planned,'mista trade' will trade; nothing here can place an order yet. Meanwhile use 'make run' for backtests.)

lint: ## Formatting and clippy, warnings are errors
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

format: ## Format the source
	$(CARGO) fmt

test: ## All tests
	$(CARGO) test --locked

ci: ## What the continuous integration runs
	.ci/run
