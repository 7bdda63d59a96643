# make run    everything in the foreground, on http://127.0.0.1:8000 (HOST=, PORT=); Ctrl-C ends it, the data stays in var/
# make test   every test, on real servers and a real browser
# make check  linter, formatter, types, import rules, templates, migrations
# make bench  the benchmarks; writes var/bench.json
# make messages  bring the translations in locale/ in step with pages and code, and compile them
# make screenshots  pictures of every page into docs/screenshots (SIGHTS="board bin" takes only those)
# make lock   remake requirements/*.txt from *.in (UPGRADE=--upgrade takes newer versions)
# make clean  remove what set-up and tests made; var/ stays

PYTHON ?= python3
PY := .venv/bin/python

.PHONY: help run test check bench messages screenshots lock clean again

help:
	@sed -n 's/^# //p' Makefile

run: .venv/run.stamp
	@$(PY) manage.py run

test: .venv/test.stamp
	@$(PY) -m tests.browser --install
	@$(PY) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/test.stamp
	@$(PY) -m ruff check --quiet
	@$(PY) -m ruff format --check --quiet || { echo "Format these: $(PY) -m ruff format"; exit 1; }
	@$(PY) -m mypy
	@$(PY) .venv/bin/lint-imports --no-logo
	@$(PY) -m djlint --quiet --lint templates
	@$(PY) manage.py check --fail-level WARNING
	@$(PY) manage.py makemigrations --check --dry-run
	@$(PY) -m tests.texts --check || { echo "Translate these in locale/, then: make messages"; exit 1; }

bench: .venv/run.stamp
	@$(PY) bench/run.py

screenshots: .venv/test.stamp
	@$(PY) -m tests.browser --install
	@$(PY) -m tests.screenshots $(SIGHTS)

# Set-up is skipped while the lock file is older than the stamp, or has the same content as when the stamp was made. A Python
# that is gone (an upgrade of the system, a moved folder) has it done again.
.venv/run.stamp: requirements/run.txt $(if $(shell $(PY) -c 'print(1)' 2>/dev/null),,again)
	@$(call install,run)

.venv/test.stamp: requirements/test.txt .venv/run.stamp
	@$(call install,test)

define install
$(PY) -c '' 2>/dev/null || $(venv); \
now="$$(cksum < requirements/$(1).txt) $$($(PY) -V)"; \
if [ "$$now" != "$$(cat .venv/$(1).stamp 2>/dev/null)" ]; then \
	echo "Installing requirements/$(1).txt into .venv"; \
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/$(1).txt \
	|| { echo "Installing failed; see above. Nothing is half done: run make again."; exit 1; }; \
fi; \
echo "$$now" > .venv/$(1).stamp
endef

define venv
{ $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| { echo "Threeslot needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) -V 2>&1). Say which to take: make PYTHON=python3.12"; exit 1; }; \
echo "Making .venv with $$($(PYTHON) -V)"; \
rm -rf .venv; \
$(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv"; exit 1; }; }
endef

messages: .venv/test.stamp
	@$(PY) -m tests.texts

lock: .venv/test.stamp
	@cd requirements && for name in run test; do \
		../$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(UPGRADE) \
			--custom-compile-command "make lock" $$name.in -o $$name.txt || exit 1; \
	done

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './var/*' -prune -exec rm -rf {} +
