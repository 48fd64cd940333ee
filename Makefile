# The same words for people, hooks and CI. Nothing is needed but make and Python 3.11 to 3.13.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SERVING := .serving
MLSERVER := mlserver==1.7.1
PREFECT := .prefect
DOCS := .docs
# Who schedules: airflow or prefect.
ORCHESTRATOR ?= airflow
OF := $(if $(filter prefect,$(ORCHESTRATOR)),$(PREFECT),$(VENV))
# What answering takes of the packages that some models are made of.
ANSWERING := catboost|lightgbm|onnx|onnxruntime|safetensors|xgboost-cpu
UV := uv==0.13.9
BENCHES := $(sort $(filter-out __init__ deliveries histories history_models in_process planted postgres results,$(notdir $(basename $(wildcard bench/*.py)))))

export OMP_NUM_THREADS := 1
# Airflow puts plugins/ on the path by itself; tests and types need it too.
export PYTHONPATH := $(CURDIR):$(CURDIR)/plugins

# The value of a variable that a target cannot do without, or make ends and names it.
given = $(or $($(1)),$(error make $@ needs $(1)=name, as in make $@ $(1)=$(2)))

.DEFAULT_GOAL := help
.PHONY: help demo down docs pictures env nightly test test-grown-up test-containers test-serving test-databases test-dask test-prefect estimators test-estimators test-torch check audit sbom bench bench-gate bench-field lock lock-serving lock-prefect lock-docs new-model
.PHONY: check-model replay ledger evidence quarantine prune slack-preview settings-page reference-page

help: ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(OF)/.ready ## the whole stack on this machine, with real history played into it (DETACH=1 keeps it running, WEEKS=n, ORCHESTRATOR=prefect)
	@$(OF)/bin/python -m demo

docs: $(DOCS)/.ready ## the documents as a site: .docs/site/index.html (a link that leads nowhere is an error)
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --config-file deploy/docs/mkdocs.yml

pictures: $(READY) ## the pictures of the documents, from the demo that runs (needs Chromium)
	@$(BIN)/python -m demo.pictures

# Without $(READY): a new requirements.txt is no reason to install before ending what runs.
down: ## end everything that `make demo` left running
	@for bin in $(BIN) $(PREFECT)/bin; do if [ -x $$bin/python ]; then $$bin/python -m deploy.local down; break; fi; done

test: $(READY) ## every test (ARGS="-k name" for some)
	@$(BIN)/python -m pytest $(ARGS)

env: ## a .env for docker compose, with new secrets (run again, it adds what is missing and changes nothing)
	@$(PYTHON) deploy/make_env.py

test-grown-up: $(READY) ## the services of docker-compose.yaml as plain processes, and a whole loop on them (needs Postgres, Redis, Prometheus)
	@$(BIN)/python -m pytest tests/grown_up $(ARGS)

test-databases: $(READY) ## pulling from a real Postgres, with what goes wrong there (needs Debian's postgresql)
	@$(BIN)/python -m pytest tests/databases $(ARGS)

test-containers: $(READY) ## docker-compose.yaml on a container engine, podman, and a whole loop on it (docs/deploy.md says what it needs)
	@$(BIN)/python -m pytest tests/containers $(ARGS)

test-serving: $(SERVING)/.ready ## a real MLServer, in an environment of its own, serves the champion through a promotion and a rollback
	@$(BIN)/python -m pytest tests/serving $(ARGS)

test-prefect: $(READY) $(PREFECT)/.ready ## the loop under Prefect, and the promises that both orchestrators keep
	@$(BIN)/python -m pytest tests/prefect $(ARGS)

test-dask: $(READY) ## a real Dask cluster, a scheduler and two workers, gives the result that this machine gives
	@$(BIN)/python -m pytest tests/dask_cluster $(ARGS)

estimators: $(BIN)/.estimators ## LightGBM, XGBoost, CatBoost and ONNX, beside the lock (docs/estimators.md)

test-estimators: $(BIN)/.estimators ## models of these, and a team's own code (with `make test-serving` before: through a whole stack to serving)
	@$(BIN)/python -m pytest tests/estimators $(ARGS)

# CPU or CUDA: docs/your_model.md says how another build is chosen.
TORCH := torch==2.13.0
test-torch: $(BIN)/.estimators ## networks of PyTorch, which is installed for it
	@$(BIN)/python -m pip show --quiet torch 2>/dev/null || $(BIN)/python -m pip install --quiet $(TORCH)
	@$(BIN)/python -m pytest tests/torch $(ARGS)

nightly: ## what takes packages, servers or time of its own: Dask, MLServer, PyTorch, the grown-up stack, Prefect (beside .ci/run)
	@.ci/nightly

check: $(READY) ## style, types, layers, security, compose file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml include plugins dags flows deploy
	@# Every variable that it insists on gets a value, so that it is validated whole.
	@env $$(grep -oE '[$$][{][A-Z_]+:[?]' docker-compose.yaml | tr -d '$${:?' | sed 's/$$/=checked/') \
	  $(BIN)/docker-compose --env-file .env.example --file docker-compose.yaml config -q

audit: $(READY) ## known vulnerabilities in the lock (says so where no database of them can be reached)
	@$(BIN)/python -m include.cli audit

sbom: $(READY) ## what the lock holds, as CycloneDX: sbom.json
	@$(BIN)/python -m include.cli sbom

bench: $(BENCHES:%=bench-%) ## every benchmark

bench-field: bench-field_clusters bench-field_years bench-field_coverage bench-field_causes ## do the gate's error rates hold in the field?
	@:

bench-gate: bench-gate_rates bench-gate_speed bench-noise ## all that docs/gate.md claims
	@:

bench-%: $(READY) ## one benchmark, named like its file in bench/
	@$(BIN)/python -m bench.$*

lock: ## resolve pyproject.toml into requirements.txt, with hashes
	@$(PYTHON) -m pip install --quiet $(UV)
	@uv pip compile pyproject.toml --extra dev --universal --generate-hashes --quiet --output-file requirements.txt
	@# What KubernetesExecutor needs beside it, for the image alone.
	@echo apache-airflow-providers-cncf-kubernetes | uv pip compile - --constraint requirements.txt --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --quiet --output-file deploy/kubernetes/requirements.txt \
	  $$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements.txt)
	@# What some models are made of, beside it.
	@uv pip compile pyproject.toml --extra estimators --constraint requirements.txt --universal --python-version 3.11 \
	  --generate-hashes --quiet --custom-compile-command 'make lock' --output-file deploy/estimators/requirements.txt \
	  $$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements.txt)

# What MLServer loads models with stands at the versions that train them. From uvloop 0.22 on its worker processes do not start.
lock-serving: $(READY) ## resolve MLServer's own environment into deploy/serving/requirements.txt, with hashes
	@{ echo '$(MLSERVER)'; echo 'uvloop<0.22'; grep -E '^(boto3|joblib|numpy|pandas|scikit-learn|scipy|skops)==' requirements.txt | tr -d '\\'; } \
	  | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes --quiet \
	    --custom-compile-command 'make lock-serving' --output-file deploy/serving/requirements.txt
	@grep -E '^($(ANSWERING))==' deploy/estimators/requirements.txt | tr -d '\\' \
	  | $(BIN)/uv pip compile - --constraint deploy/serving/requirements.txt --universal --python-version 3.11 --generate-hashes --quiet \
	    --custom-compile-command 'make lock-serving' --output-file deploy/serving/estimators.txt \
	    $$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' deploy/serving/requirements.txt)

# The pipeline's own packages stand at the versions that it has under Airflow.
lock-prefect: $(READY) ## resolve Prefect's own environment into deploy/prefect/requirements.txt, with hashes
	@names="$$(sed -n 's/^\([a-z0-9-]*\).*/\1/p' deploy/prefect/requirements.in | paste -sd'|')"; \
	  grep -E "^($$names|cloudpickle)==" requirements.txt | tr -d '\\' > $(PREFECT).constraints
	@$(BIN)/uv pip compile deploy/prefect/requirements.in --constraint $(PREFECT).constraints --universal --python-version 3.11 \
	  --generate-hashes --quiet --custom-compile-command 'make lock-prefect' --output-file deploy/prefect/requirements.txt
	@rm $(PREFECT).constraints

lock-docs: $(READY) ## resolve what builds the site of documents into deploy/docs/requirements.txt, with hashes
	@$(BIN)/uv pip compile deploy/docs/requirements.in --universal --python-version 3.11 --generate-hashes --quiet \
	  --custom-compile-command 'make lock-docs' --output-file deploy/docs/requirements.txt

new-model: $(READY) ## a file for your model, include/models/NAME.py (NAME=churn; DATA=sample.csv KEY=visit_id guesses the columns)
	@$(BIN)/python -m include.cli new-model "$(call given,NAME,churn DATA=sample.csv KEY=visit_id (both are optional))" $(if $(DATA),"$(DATA)") $(if $(KEY),--key "$(KEY)")

check-model: $(READY) ## whether a model keeps the contract (NAME=churn), is right about DATA=sample.csv, and what the gate says
	$(if $(DATA),@$(BIN)/python -m include.cli check-model "$(call given,NAME,churn)" "$(DATA)")
	@echo "The contract of every model, about ten seconds:" && $(BIN)/python -m pytest tests/models --tb=line --model "$(call given,NAME,churn)"
	@echo "Next: deliver its first files, and switch its DAGs on in Airflow (docs/your_model.md)."

replay: $(READY) ## how often should a model be retrained? (MODEL=name, on the running stack)
	@$(BIN)/python -m include.cli replay "$(call given,MODEL,flight_delays)"

ledger: $(READY) ## what was in production when, and who decided it (MODEL=name, AT=2026-05-03T14:00Z for one moment)
	@$(BIN)/python -m include.cli ledger "$(call given,MODEL,flight_delays)" $(if $(AT),--at "$(AT)")

evidence: $(READY) ## what a reviewer of model risk asks: a page and JSON (MODEL=name, VERSION=3 or the champion, FOLDER=.)
	@$(BIN)/python -m include.cli evidence "$(call given,MODEL,flight_delays)" $(if $(VERSION),"$(VERSION)") $(if $(FOLDER),--folder "$(FOLDER)")

NEWEST ?= 3
quarantine: $(READY) ## which rows broke the contract, and why (MODEL=name, of its NEWEST=3 deliveries that have some)
	@$(BIN)/python -m include.cli quarantine "$(call given,MODEL,flight_delays)" --newest "$(NEWEST)"

slack-preview: $(READY) ## every message that Slack may be sent, here and as a page (PAGE=.stack/slack-preview.html)
	@$(BIN)/python -m include.cli slack-preview $(PAGE)

reference-page: $(READY) ## write docs/reference.md from the docstrings of what a model's file may say
	@$(BIN)/python -m include.cli reference-page

settings-page: $(READY) ## write docs/settings.md from the settings and .env.example
	@$(BIN)/python -m include.cli settings-page

DAYS ?= 180
SURE ?= no
prune: $(READY) ## what is no longer needed: shown, and removed with SURE=yes (MODEL=name, DAYS=180 are kept)
	@$(BIN)/python -m include.cli prune "$(call given,MODEL,flight_delays)" --days "$(DAYS)" --$(SURE)

# Made aside and stamped last, so that an interrupted install is begun again.
$(READY): requirements.txt
$(PREFECT)/.ready: deploy/prefect/requirements.txt
$(DOCS)/.ready: deploy/docs/requirements.txt
$(READY) $(PREFECT)/.ready $(DOCS)/.ready:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || { \
	  echo "$(PYTHON) is `$(PYTHON) --version 2>&1 | tail -n 1`; Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments; install its venv package (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@rm -f $@
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(UV)
	@$(@D)/bin/uv pip install --quiet --python $(@D)/bin/python --require-hashes -r $<
	@touch $@

$(BIN)/.estimators: deploy/estimators/requirements.txt $(READY)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r $<
	@touch $@

$(SERVING)/.ready: deploy/serving/requirements.txt deploy/serving/estimators.txt $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SERVING)
	@$(BIN)/uv pip install --quiet --python $(SERVING)/bin/python --require-hashes -r $<
	@$(BIN)/uv pip install --quiet --python $(SERVING)/bin/python --require-hashes --no-deps -r $(word 2,$^)
	@touch $@
