# The front of affex: `make help` says what there is. Written for GNU make 3.81 (macOS) and a plain sh.

# Set up with ------------------------------------------------------------------------------------
PYTHON ?= python3
TORCH ?= cpu
CLIPS ?=

VENV := .venv
BIN := $(VENV)/bin
#: One stamp a build of torch, so that changing TORCH installs again.
INSTALLED := $(VENV)/.installed-$(TORCH)

ifeq ($(filter $(TORCH),cpu cuda),)
$(error TORCH=$(TORCH): expected cpu or cuda)
endif

# What a run is told -----------------------------------------------------------------------------
# By environment variables, so that blanks and quotes survive; affex reads them behind --from-make alone. None that the
# shell has, or an earlier make, is passed on.
$(foreach name,$(filter-out AFFEX_TEST_DATA,$(filter AFFEX_%,$(.VARIABLES))),$(eval unexport $(name)))
OPTIONS := DATASET DATA FEATURES CLASSIFIER PROTOCOL TARGET CLASSES SPEAKER_NORM REWEIGHT SOFT \
           FUSION RUNS METRIC INNER LEAK ALLOW_LEAKS CONFIG \
           UTTERANCE SCHEDULER JOBS DEVICE WEIGHTS CACHE OUT SEED PARTIAL EXTRA MODEL EXCLUDE \
           BY FILE CALLED FORMAT TABLE HOP TRANSPOSE ONLY WITHOUT DROP_NAN NOTE JSON
$(foreach option,$(OPTIONS),$(if $($(option)),$(eval export AFFEX_$(option) := $$($(option)))))

# Where make was typed, so that messages, and the lines to copy in them, are in its words.
export AFFEX_MAKE_TYPED_IN := $(PWD)

# A variable that nothing reads is a mistake. Those named in front of make, as in `DATSET=x make`, cannot be told from
# the others in the environment.
READ := $(OPTIONS) PYTHON TORCH CLIPS PYTEST_ARGS LOCK_ARGS VENV BIN INSTALLED
NAMED := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
UNREAD := $(filter-out $(READ) MAKE% -% SHELL CURDIR,$(NAMED))
ifneq ($(UNREAD),)
NEAREST := import sys, difflib; wanted, *known = sys.argv[1:]; \
	wanted = {"COLUMNS": "ONLY"}.get(wanted, wanted); \
	print(*(f" Did you mean {name}?" for name in difflib.get_close_matches(wanted.upper(), known, 1, 0.5)))
$(error There is no variable '$(firstword $(UNREAD))'.$(shell \
	$(PYTHON) -c '$(NEAREST)' '$(firstword $(UNREAD))' $(READ) 2>/dev/null) `make help` lists all)
endif

# What the environment says is said, for it may have been meant for something else.
IS_TAKEN = $(and $($(1)),$(filter environment,$(firstword $(origin $(1)))))
TAKEN := $(strip $(foreach name,$(filter-out VENV BIN INSTALLED,$(READ)),$(if $(call IS_TAKEN,$(name)),$(name))))
quoted = '$(subst ','\'',$(1))'
ifneq ($(and $(TAKEN),$(filter-out help,$(MAKECMDGOALS))),)
$(shell printf '%s\n' $(call quoted,From the environment: $(foreach name,$(TAKEN),$(name)=$($(name)))) >&2)
endif

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install features evaluate compare fit predict demo show download list runs cache export import bench check test shells lint format types links lock clean
.NOTPARALLEL:

help: ## show this
	@echo 'affex: audio-visual emotion recognition, evaluated on speakers the model never heard'
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@echo
	@sed -n 's/^#= \{0,1\}//p' Makefile

#= Variables, as in  make features evaluate DATASET=emodb FEATURES=compare CLASSIFIER=svm
#=   DATASET       the corpus: demo, emodb, ravdess, csv ... (default: the one used last, else demo)
#=   DATA          its folder, or its table for csv (default: data/<dataset>)
#=   FEATURES      as in compare, egemaps or 'mfcc:n=20,hop=5ms' (default: what the classifier prefers)
#=   CLASSIFIER    as in svm, gmm, xgboost or 'gmm:components=32'
#=   PROTOCOL      who is left out when: loso, session, group-k:k=5, split, cross:test=ravdess, or a corpus's own card
#=   TARGET        what is recognised: label, or valence, arousal, dominance as values
#=   CLASSES       which labels, + merges them, = names them: 'ang,neu,sad,joy=hap+exc'
#=   SPEAKER_NORM  1: z-scores within each speaker; mean: the speaker's mean is taken away (transductive, and said so)
#=   REWEIGHT      1: scores times the square root of how often their class was learned from
#=   SOFT          1: learn from the shares of the raters' votes
#=   FUSION        early (columns side by side), or late, late:mean, late:svm ... (scores) of several FEATURES
#=   RUNS          finished runs, to be compared (compare) or fused (evaluate FUSION=late)
#=   METRIC        what is compared: uar, war, macro_f1, ccc ... (default: uar, or ccc for values)
#=   INNER         1: keep what a fusion of this run may learn from (slower)
#=   LEAK          1: score the same at random over clips, too: what a leak is worth
#=   ALLOW_LEAKS   1: go on where the audit finds leaks, and say so in every output
#=   CONFIG        for evaluate and fit: a TOML file of these variables in small letters; each run writes one that repeats it
#=   SCHEDULER     local, inline (no workers) or tcp://host:8786 of a running Dask scheduler (default: local)
#=   JOBS          how many worker processes
#=   DEVICE        cpu or cuda: where networks, SVM and XGBoost compute (default: cpu)
#=   WEIGHTS       the folder of weight files that networks need and affex cannot fetch
#=   CACHE         where features are kept (default: cache)
#=   OUT           where results go (default: <cache>/<corpus>/runs/<run>); for export: .csd, .npz, .parquet, .csv or a folder
#=   JSON          for list, runs, cache, evaluate and compare: 1: print one JSON document, and all else to standard error
#=   SEED          seeds all that is random
#=   PARTIAL       1: go on with a corpus that is not whole
#=   EXTRA         1: download the large archives, too
#=   UTTERANCE     for show: the utterance's id, as in s1_anger_1
#=   MODEL         for fit and predict: the model's file (default for fit: <cache>/<corpus>/models/<run>.affex)
#=   EXCLUDE       for fit: speakers who are not learned from, parted by commas
#=   BY            for export to .csd: utterance, or recording, as CMU-MultimodalSDK aligns them (default: utterance)
#=   FILE          for import: what is taken in, a file or a folder
#=   CALLED        for import: what FEATURES calls it from then on
#=   NOTE          for import: who made it, or what else is to be known
#=   FORMAT        for export and import: the format, where no ending says it
#=   TABLE         for import: which table of an audformat database
#=   HOP           for import: how far apart rows are, s, where the file says nothing of time
#=   TRANSPOSE     for import: 1: arrays are (columns, rows), as librosa has them
#=   ONLY          for import: the columns that are taken, parted by commas: 'AU*_r,gaze_0_x'
#=   WITHOUT       for import: the columns that are left out, likewise
#=   DROP_NAN      for import: 1: rows with NaN are left out
#=   TORCH         cpu or cuda: which build of torch is installed (default: cpu)
#=   PYTHON        the Python that .venv is made with, 3.11 or newer (default: python3)
#=   CLIPS         for bench: a folder of videos with faces, one folder a corpus
#=   PYTEST_ARGS   for the tests, as in PYTEST_ARGS='-k store -x'
#=   LOCK_ARGS     for the lock, as in LOCK_ARGS=--upgrade

install: $(INSTALLED) ## set up .venv with the pinned versions (all others call it first)

features: ## extract the features of a corpus into the cache
evaluate: ## extract what is missing, train and test on unheard speakers, report
compare: ## say which of several runs differ by more than chance would (RUNS)
fit: ## learn from all of a corpus, and save a model that can be taken away (MODEL, EXCLUDE)
predict: ## label a folder of wavs or videos, one file, or a table, with a saved model (MODEL, DATA, OUT)
demo: ## sound and faces, alone and fused, end to end, on a corpus made on the spot
show: ## draw a contact sheet of an utterance: frames, faces, crops, sound (UTTERANCE, OUT)
download: ## fetch a corpus that is free to fetch (emodb, ravdess)
list: ## show the corpora, features and classifiers there are, and what is cached
cache: ## show what is cached (to verify it: .venv/bin/affex cache verify)
export: ## write a cached feature and the labels for other projects (FEATURES, OUT)
import: ## take in the features of another project (FILE, CALLED), to be evaluated and fused like ours
features evaluate compare fit predict demo show download list cache export import: install
	@$(BIN)/affex --from-make $@

runs: ## table the finished runs of a corpus, newest first
runs: install
	@$(BIN)/affex --from-make list runs

# A path as a shell would expand it, in quotes, for what is not read by affex.
path = $(call quoted,$(patsubst ~/%,$(HOME)/%,$(1)))
WAVS = $(call path,$(or $(DATA),data/emodb/wav))
VIDEOS = $(call path,$(CLIPS))
WITH_WEIGHTS = --weights $(call path,$(WEIGHTS))

# What is measured of faces; the agreement with dlib takes the longest, most of it dlib's own.
define bench-faces
	$(BIN)/python benchmarks/faces.py $(VIDEOS)
	$(BIN)/python benchmarks/found.py $(VIDEOS)
	$(BIN)/python benchmarks/kept.py $(VIDEOS) $(WITH_WEIGHTS)
	$(BIN)/python benchmarks/landmarks.py $(VIDEOS)
	$(BIN)/python benchmarks/realtime.py $(VIDEOS)
	$(BIN)/python benchmarks/second_network.py $(VIDEOS) $(WITH_WEIGHTS)
	$(BIN)/python benchmarks/second_network.py $(VIDEOS) $(WITH_WEIGHTS) --copies 4
endef

bench: install ## speed, memory, coverage of intervals, the vote, beside their peers (DATA: EMO-DB's wavs; CLIPS: videos; 60 min)
	$(BIN)/python benchmarks/extraction.py $(WAVS)
	$(BIN)/python benchmarks/memory.py
	$(BIN)/affex --from-make features --dataset emodb --data $(WAVS) --features compare
	$(BIN)/python benchmarks/nested.py emodb $(WAVS)
	$(BIN)/python benchmarks/coverage.py
	$(BIN)/python benchmarks/video_memory.py
	$(BIN)/python benchmarks/vote.py
	$(if $(CLIPS),$(bench-faces))

check: lint types test ## what the continuous integration runs

test: install ## run the tests
	@unset $(OPTIONS:%=AFFEX_%) AFFEX_MAKE_TYPED_IN; $(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

shells: install ## type every command of README and docs in bash, zsh and dash (an hour)
	$(BIN)/python tests/shells.py

lint: install ## look for mistakes and for wrong formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install ## put the sources into the usual format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The packages as they are imported, for mypy and editors: a folder of links.
LINKS := .links
LINKED := $(wildcard affex/*.py affex/*.typed) pipeline features classifiers

types: install links ## check the types
	cd $(LINKS) && $(abspath $(BIN))/mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache

links: ## make .links, where editors find the packages under the names they are imported by
	@rm -rf $(LINKS) && mkdir -p $(LINKS)/affex
	@for path in $(LINKED); do ln -s ../../$$path $(LINKS)/affex/; done

lock: install ## renew requirements.lock after pyproject.toml has changed
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --group checkout --universal --fork-strategy fewest \
	    --no-annotate --no-header --quiet $(LOCK_ARGS) --output-file requirements.lock

clean: ## remove .venv and all that tools left behind (never the cache, never data)
	rm -rf $(VENV) $(LINKS) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find affex pipeline features classifiers tests -name __pycache__ -prune -exec rm -rf {} +

# The set-up itself ------------------------------------------------------------------------------
# Wheels only: a source package would want a compiler. The one exception, $(DATA_ONLY), is data and no code, and comes
# as source alone; setuptools goes in before it, since that makes a wheel of it. Nothing is resolved anew, for all is
# in the lock and some packages name others that must stay out (see [tool.uv] in pyproject.toml).
PIP_INSTALL := $(BIN)/python -m pip install --only-binary :all:
DATA_ONLY := face-recognition-models
TORCH_VERSION := $(shell sed -n 's/^torch==\([^ ;]*\).*/\1/p' requirements.lock)
SETUPTOOLS := $(shell sed -n 's/^\(setuptools==[^ ;]*\).*/\1/p' requirements.lock)

ifeq ($(TORCH),cuda)
# With what it needs; a CPU build that lies at hand must not pass for it.
install-torch = $(PIP_INSTALL) --no-warn-conflicts --constraint requirements.lock \
	'torch==$(TORCH_VERSION),!=$(TORCH_VERSION)+cpu'
else ifeq ($(shell uname -s),Linux)
# The plain wheel for Linux is the CUDA build. Where PyTorch's list of CPU builds is out of reach, pip goes
# on to its other sources after 20 s at the most.
install-torch = $(PIP_INSTALL) --no-deps --retries 1 --timeout 10 \
	--extra-index-url https://download.pytorch.org/whl/cpu torch==$(TORCH_VERSION)+cpu
endif

PYTHON_CHECK := import sys, importlib.util; sys.exit( \
	"affex needs Python 3.11 or newer, and $(PYTHON) is %d.%d. Name another one, as in: make install \
	PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else \
	"$(PYTHON) cannot make a virtual environment. On Debian, Ubuntu and WSL: apt install python3-venv" \
	if importlib.util.find_spec("ensurepip") is None else 0)

$(INSTALLED): requirements.lock pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 \
	    || { $(PYTHON) -c '$(PYTHON_CHECK)' && $(PYTHON) -m venv --clear $(VENV); }
	@rm -f $(VENV)/.installed-*
	@echo 'Installing the pinned packages into $(VENV): some minutes the first time, and 2 GB of disk'
	$(install-torch)
	$(PIP_INSTALL) --no-deps $(SETUPTOOLS)
	$(PIP_INSTALL) --no-deps --no-binary $(DATA_ONLY) --no-build-isolation -r requirements.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
	@touch $@
	@echo 'affex is installed in $(VENV).'
