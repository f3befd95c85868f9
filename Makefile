# The commands of this project. Each sets up what it needs by itself (deploy/setup.sh), and again costs about a second.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
export PATH := $(PATH):$(HOME)/.cargo/bin
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help demo test long check bundle clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: ## cameras, gateway, broker and console on this machine; Ctrl-C ends it
	@deploy/setup.sh demo
	@exec $(TARGET)/release/skyeye demo

test: export CI := true
test: ## every test: Rust, console, end to end in Chromium
	@deploy/setup.sh test </dev/null
	@tests/run.sh </dev/null

long: ## the runs of more than a minute; make long NAME=... for one, FORCE=1 to repeat
	@deploy/setup.sh test </dev/null
	@tests/long/run.sh $(NAME) </dev/null

check: ## formatting and lints only
	@cargo fmt --check
	@cargo clippy --locked --all-targets -- -D warnings

bundle: ## everything for a site without internet, in one file under .cache/bundle/
	@deploy/setup.sh bundle

clean: ## removes what was built and fetched (not data/)
	rm -rf $(TARGET) .cache console/node_modules console/dist
