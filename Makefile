# The front end of affex: `make help` lists targets and variables. Works with GNU make 3.81 (macOS) and a plain sh.

# Settings of the installation ------------------------------------------------------------------------------------
PYTHON ?= python3
TORCH ?= cpu
CLIPS ?=

VENV := .venv
BIN := $(VENV)/bin
#: One stamp file per build of torch, so that changing TORCH installs again.
INSTALLED := $(VENV)/.installed-$(TORCH)

ifeq ($(filter $(TORCH),cpu cuda),)
$(error TORCH=$(TORCH): expected cpu or cuda)
endif

# Settings of a run -----------------------------------------------------------------------------
# They are passed as environment variables, so that blanks and quotes survive; affex reads them only after --from-make.
# Variables of the shell, or of another make, are not passed on.
$(foreach name,$(filter-out AFFEX_TEST_DATA,$(filter AFFEX_%,$(.VARIABLES))),$(eval unexport $(name)))
OPTIONS := DATASET DATA SYSTEM FEATURES CLASSIFIER PROTOCOL TARGET CLASSES SPEAKER_NORM REWEIGHT SOFT \
           FUSION RUNS RUN METRIC ROPE AGAINST ENROL INNER SETS MOMENTS LEAK CONTROLS ALLOW_LEAKS IDENTITY MEDIA CONFIG \
           UTTERANCE SCHEDULER JOBS DEVICE WEIGHTS CACHE OUT SEED SEEDS PARTIAL EXTRA MODEL EXCLUDE \
           NETWORK EPOCHS PATIENCE RATE BATCH SCRATCH CORPORA MODELS CROSS \
           BY FILE CALLED FORMAT TABLE HOP TRANSPOSE ONLY WITHOUT DROP_NAN NOTE JSON LOG SPEAKER
$(foreach option,$(OPTIONS),$(if $($(option)),$(eval export AFFEX_$(option) := $$($(option)))))

# The folder in which make was typed. With it, affex writes the commands in its messages as make commands.
export AFFEX_MAKE_TYPED_IN := $(PWD)

# An unknown variable on the command line is an error. Variables before make, as in `DATSET=x make`, cannot be checked:
# they are indistinguishable from the rest of the environment.
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

.PHONY: help install features evaluate compare league reproduce checklist report fit predict tune demo describe show download list runs systems audit cache export import bench check test test-slow test-docs docs shells lint format types links lock clean
.NOTPARALLEL:

help: ## show this help
	@echo 'affex: audio-visual emotion recognition, evaluated on speakers that the model was not trained on'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@echo
	@sed -n 's/^#= \{0,1\}//p' Makefile

#= Variables, as in  make features evaluate DATASET=emodb FEATURES=compare CLASSIFIER=svm
#=   DATASET       the corpus: demo, emodb, ravdess, csv ... (default: the corpus used last, else demo)
#=   DATA          its folder, or for csv the table (default: data/<dataset>)
#=   SYSTEM        a published system by name (`make systems` lists them): what is not set beside it is set as the system has it
#=   FEATURES      for example compare, egemaps or 'mfcc:n=20,hop=5ms' (default: depends on the classifier; for features:
#=                 'compare mfcc logmel', and where there is film 'faces face'; for describe: what is cheap or cached)
#=   CLASSIFIER    for example svm, gmm, xgboost or 'gmm:components=32'
#=   PROTOCOL      which speakers are left out: loso, session, group-k:k=5, split, folds:file=mine.csv, cross:test=ravdess, or a corpus's own protocol
#=   TARGET        what is predicted: label, or the values valence, arousal, dominance
#=   CLASSES       the classes; + merges labels, = names a class: 'ang,neu,sad,joy=hap+exc'
#=   SPEAKER_NORM  1: z-scores within each speaker; mean: subtract the speaker's mean (transductive, and reported as such);
#=                 enrol:n=10: z-scores of a test utterance with 10 others of its speaker (enrol:n=10,draws=5,from=neutral)
#=   REWEIGHT      1: multiply scores by the square root of the number of training utterances of the class
#=   SOFT          1: train on the shares of the raters' votes; dawid-skene: on what a model of named raters makes of them
#=   FUSION        for several FEATURES: early (concatenate columns), or late, late:mean, late:svm ... (fuse scores)
#=   RUNS          finished runs to compare (compare) or to fuse (evaluate FUSION=late)
#=   RUN           for reproduce and checklist: a finished run, by name or folder; variables beside it change what is repeated
#=   METRIC        the figure that is compared: uar, war, macro_f1, ccc ... (default: uar, or ccc for values)
#=   ROPE          for compare: the largest difference that does not matter, in the figure's unit (default: 0.01)
#=   AGAINST       for compare: the run with which each of RUNS is compared, which leaves fewer pairs to correct for
#=   ENROL         1: also evaluate with 5, 10, 20 and all others of a tested speaker enrolled: the price of normalisation
#=   INNER         1: save inner predictions, from which a fusion with this run can learn (slower)
#=   SETS          0.1: also give sets of classes that hold the true one in 90 % of utterances of new speakers (slower)
#=   MOMENTS       1: save the scores of rows over time, and say which part of an utterance tells the class
#=   LEAK          1: also score other folds (random ones; beside loso+text also loso), to show how much a leak adds
#=   CONTROLS      for loso+text: size-matched controls of each fold (default: 10 with LEAK=1, else none)
#=   ALLOW_LEAKS   1: continue although the audit finds leaks; every output says so
#=   IDENTITY      for evaluate and describe: 1: check by voice, and by face where there is film, that each speaker is one person
#=   MEDIA         1: show frames and players on pages although a licence may bind the recordings
#=   SCHEDULER     local, inline (no workers) or tcp://host:8786 of a running Dask scheduler (default: local)
#=   JOBS          the number of worker processes
#=   DEVICE        cpu or cuda, for networks, SVM and XGBoost (default: cpu)
#=   WEIGHTS       the folder of weight files that affex cannot download
#=   CACHE         the folder of cached features (default: cache)
#=   OUT           the folder of results (default: <cache>/<corpus>/runs/<run>); for report: the page; for export: a .csd, .npz, .parquet, .csv, or a folder;
#=                 for tune: the weight file
#=   SEED          the seed of all random numbers
#=   SEEDS         for evaluate: how many seeds a model with random numbers runs with; figures are means, both spreads are shown
#=   PARTIAL       1: continue with an incomplete corpus
#=   EXTRA         1: also download the large archives
#=   UTTERANCE     for show: the utterance's id, for example s1_anger_1 (RUN: scores over time; MODEL: where it looks)
#=   CONFIG        for evaluate and fit: a TOML file of these variables in small letters; each run writes one that repeats it
#=   JSON          for list, runs, systems, audit, cache, evaluate, compare, describe and reproduce: 1: print one JSON document, and all else
#=                 to standard error
#=   LOG           for evaluate: mlflow: log the run to MLflow, too (to mlruns beside the cache, or to MLFLOW_TRACKING_URI)
#=   MODEL         for fit and predict: the model's file (default for fit: <cache>/<corpus>/models/<run>.affex)
#=   EXCLUDE       for fit and tune: speakers to leave out of the training, separated by commas
#=   NETWORK       for tune: smallcnn, or another network with the weights that it begins with: 'resnet18:weights=path'
#=   EPOCHS        for tune: the most epochs (default: 20); 0 writes the network as it begins
#=   PATIENCE      for tune: epochs without improvement on inner speakers that end it (default: 3); 0: all EPOCHS
#=   RATE          for tune: the learning rate (default: 1e-4; 1e-3 for a network that begins at random)
#=   BATCH         for tune: pictures in a batch (default: 32)
#=   SCRATCH       for tune: 1: begin at random, even where there are weights
#=   CORPORA       for league: corpora by name, tables by path or name: 'emodb ravdess mine.csv'; those not at hand are skipped, and said
#=   MODELS        for league: the competitors, as in 'compare/svm egemaps+mfcc/xgboost'; else every combination of FEATURES (+ joins
#=                 features of one competitor) and CLASSIFIER
#=   CROSS         for league: 0: do not also test each corpus by models trained on all others (default: 1)
#=   BY            for export to .csd or .npy: one entry per utterance, or per recording, as CMU-MultimodalSDK needs it
#=   FILE          for import: the file or folder to import; for audit: a table of folds, or a folder of them
#=   SPEAKER       for audit: a regular expression whose group is the speaker in a key, as in 's([0-9]+)_' (default: the corpus's)
#=   CALLED        for import: the name of the feature in FEATURES
#=   NOTE          for import: a note, for example who made the features
#=   FORMAT        for export and import: the format, if the file name does not show it: npy, datasets (Hugging Face, Croissant)
#=   TABLE         for import: the table of an audformat database
#=   HOP           for import: the time between rows in s, if the file has no times
#=   TRANSPOSE     for import: 1: arrays are (columns, rows), as in librosa
#=   ONLY          for import: the columns to take, separated by commas: 'AU*_r,gaze_0_x'
#=   WITHOUT       for import: the columns to leave out, separated by commas
#=   DROP_NAN      for import: 1: leave out rows with NaN
#=   TORCH         cpu or cuda: the build of torch to install (default: cpu)
#=   PYTHON        the Python for .venv, 3.11 or newer (default: python3)
#=   CLIPS         for bench: a folder of videos with faces, with one folder per corpus
#=   PYTEST_ARGS   for the tests, for example PYTEST_ARGS='-k store -x'
#=   LOCK_ARGS     for the lock, for example LOCK_ARGS=--upgrade

install: $(INSTALLED) ## set up .venv with the pinned versions (all other targets run this first)

features: ## extract the features of a corpus into the cache
evaluate: ## extract missing features, train, test on speakers left out of training, report
compare: ## test which of several runs differ by more than chance (RUNS)
league: ## run competitors on several corpora, and say which is better on average over them (CORPORA, FEATURES, CLASSIFIER)
report: ## write a page of all runs of a corpus, or of several, with those that differ by more than chance
checklist: ## fill the reviewers' checklist (REFORMS) from a finished run (RUN)
reproduce: ## repeat a finished run, and say what differs (RUN)
fit: ## train on a whole corpus and save the model with its card (MODEL, EXCLUDE)
predict: ## label a folder of wavs or videos, a file, or a table with a saved model (MODEL, DATA, OUT)
tune: ## tune a network on the labelled faces or sound of a corpus (NETWORK, EXCLUDE, OUT)
demo: ## run everything on a small synthetic corpus: sound and faces, alone and fused
describe: ## write a page about a corpus before any model: what may mislead one, counts, recordings, raters, maps, copies
show: ## draw a contact sheet of an utterance: frames, faces, crops, sound (UTTERANCE, OUT)
download: ## download a freely available corpus (emodb, ravdess)
list: ## list corpora, features and classifiers, and what is cached
cache: ## list what is cached (to verify it: .venv/bin/affex cache verify)
export: ## write a cached feature and the labels for other projects (FEATURES, OUT)
import: ## import features of another project, to evaluate and fuse them (FILE, CALLED)
features evaluate compare league reproduce checklist report fit predict tune demo describe show download list cache export import: install
	@$(BIN)/affex --from-make $@

runs: ## list the finished runs of a corpus, newest first
runs: install
	@$(BIN)/affex --from-make list runs

systems: ## list the published systems that run by name (SYSTEM), and those that do not yet
systems: install
	@$(BIN)/affex --from-make list systems

audit: ## say which speakers are on both sides of other people's folds, from their keys (FILE, DATASET, SPEAKER)
audit: install
	@$(BIN)/affex --from-make audit folds

# A path as a shell would expand it, in quotes, for programs other than affex.
path = $(call quoted,$(patsubst ~/%,$(HOME)/%,$(1)))
WAVS = $(call path,$(or $(DATA),data/emodb/wav))
VIDEOS = $(call path,$(CLIPS))
WITH_WEIGHTS = --weights $(call path,$(WEIGHTS))

# Measurements of faces. The agreement with dlib takes longest, most of it in dlib itself.
define bench-faces
	$(BIN)/python benchmarks/faces.py $(VIDEOS)
	$(BIN)/python benchmarks/found.py $(VIDEOS)
	$(BIN)/python benchmarks/people.py $(VIDEOS)
	$(BIN)/python benchmarks/steady.py $(VIDEOS) $(WITH_WEIGHTS)
	$(BIN)/python benchmarks/kept.py $(VIDEOS) $(WITH_WEIGHTS)
	$(BIN)/python benchmarks/landmarks.py $(VIDEOS)
	$(BIN)/python benchmarks/realtime.py $(VIDEOS)
	$(BIN)/python benchmarks/gpu.py $(VIDEOS) --device cpu --films 3
	$(BIN)/python benchmarks/second_network.py $(VIDEOS) $(WITH_WEIGHTS)
	$(BIN)/python benchmarks/second_network.py $(VIDEOS) $(WITH_WEIGHTS) --copies 4
endef

bench: install ## measure speed, memory, coverage of intervals, the vote (DATA: EMO-DB's wavs; CLIPS: videos; 60 min)
	$(BIN)/python benchmarks/extraction.py $(WAVS)
	$(BIN)/python benchmarks/memory.py
	$(BIN)/affex --from-make features --dataset emodb --data $(WAVS) --features compare
	$(BIN)/python benchmarks/nested.py emodb $(WAVS)
	$(BIN)/python benchmarks/intervals.py
	$(BIN)/python benchmarks/retrained.py
	$(BIN)/python benchmarks/league.py
	$(BIN)/python benchmarks/video_memory.py
	$(BIN)/python benchmarks/vote.py
	$(BIN)/python benchmarks/net.py
	$(BIN)/python benchmarks/simulation.py --scale 2
	$(if $(CLIPS),$(bench-faces))

check: lint types test ## run all checks of the continuous integration

define run-tests
	@unset $(OPTIONS:%=AFFEX_%) AFFEX_MAKE_TYPED_IN; \
	    $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder
endef

test: install ## run the tests
	$(run-tests) $(PYTEST_ARGS)

test-slow: install ## run the tests that take long: five seeds of each planted signal, all systems (half an hour)
	$(run-tests) -m slow $(PYTEST_ARGS)

test-docs: docs ## run every command and every block that README and docs show, and the gallery (half an hour)
	$(run-tests) -m docs $(PYTEST_ARGS)

docs: install ## build the documentation into docs/_build/html, with the gallery of plots (no network; some minutes)
	$(BIN)/python tools/docs_site.py docs/_build

shells: install ## test every command of README and docs in bash, zsh and dash (an hour)
	$(BIN)/python tests/shells.py

lint: install ## check the style and the formatting of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A folder of links, with which mypy and editors find the packages under their import names.
LINKS := .links
LINKED := $(wildcard affex/*.py affex/*.typed) pipeline features classifiers

types: install links ## check the types
	cd $(LINKS) && $(abspath $(BIN))/mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache

links: ## make .links, where editors find the packages under their import names
	@rm -rf $(LINKS) && mkdir -p $(LINKS)/affex
	@for path in $(LINKED); do ln -s ../../$$path $(LINKS)/affex/; done

lock: install ## update requirements.lock after a change of pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra docs --extra mlflow --extra ssl --group checkout --universal --fork-strategy fewest \
	    --no-annotate --no-header --quiet $(LOCK_ARGS) --output-file requirements.lock

clean: ## remove .venv and temporary files of tools (never the cache, never data)
	rm -rf $(VENV) $(LINKS) docs/_build build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find affex pipeline features classifiers tests -name __pycache__ -prune -exec rm -rf {} +

# The installation itself ------------------------------------------------------------------------------
# Wheels only: a source package would need a compiler. $(SOURCE_ONLY) exist only as source packages, of data or of plain
# Python; setuptools is installed first, to build their wheels. pip resolves no dependencies: the lock has all packages,
# and some packages require others that must not be installed (see [tool.uv] in pyproject.toml).
PIP_INSTALL := $(BIN)/python -m pip install --only-binary :all:
SOURCE_ONLY := face-recognition-models,jsonpath-rw
TORCH_VERSION := $(shell sed -n 's/^torch==\([^ ;]*\).*/\1/p' requirements.lock)
SETUPTOOLS := $(shell sed -n 's/^\(setuptools==[^ ;]*\).*/\1/p' requirements.lock)

ifeq ($(TORCH),cuda)
# With its dependencies. An installed CPU build must not satisfy the requirement.
install-torch = $(PIP_INSTALL) --no-warn-conflicts --constraint requirements.lock \
	'torch==$(TORCH_VERSION),!=$(TORCH_VERSION)+cpu'
else ifeq ($(shell uname -s),Linux)
# The default wheel for Linux is the CUDA build. If PyTorch's index of CPU builds cannot be reached, pip continues with
# its other sources after at most 20 s.
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
	$(PIP_INSTALL) --no-deps --no-binary $(SOURCE_ONLY) --no-build-isolation -r requirements.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
	@touch $@
	@echo 'affex is installed in $(VENV).'
