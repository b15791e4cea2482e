"""Each published system beats itself with its mechanism switched off, on rows in which that mechanism is planted.

A system's classifier is that of its file, on small streams of the kinds that its features have (`planted`). A mechanism
of the network is found in the classifier's settings, so that a new or a changed file is tested as it is:

| mechanism | planted | switched off |
| --- | --- | --- |
| context | class of a turn in the turn before, or after | ``context=none`` |
| recurrence | order of two rows | that layer left out |
| convolution | shapes at random places; order, where it is along time only | that layer left out |
| convolution over time | direction in which a spot moves | ``cnn2d`` instead of ``cnn3d``; of cubes no trunk |
| attention | class in the marked third of the rows | ``pool=mean`` (and no trunk, which could weigh rows itself) |
| product | whether two streams show the same | ``fusion=concat`` instead of ``bilinear`` |
| streams | half of the class in either | the better stream alone |
| hidden layers | sign of a product of two columns | ``head=none`` |
| training before on pairs in step | `classifiers/test_contrastive` | ``pretrain=none``; pairs out of step |
| where a spatial transformer looks | `classifiers/test_transformer` | that layer left out |
| scores of several models | half of the class in either; many weak ones | the best model alone |

Mechanisms that do not depend on the network in front of them have one system each: the loss (CCC against squared
error), REWEIGHT, and several networks averaged. Hidden layers behind a trunk or a context are not switched off: they
are not what tells the system from others. Where streams are multiplied, parts of one stream are tried with both
streams side by side: a product hides what one of them shows beside noise.

A single model that is no network has no mechanism to switch off: a support vector machine on one row an utterance
(poria2017-unisvm, poria2018-svm, omg-svr) is its features, and so is logistic regression (ding2016-audio). The
statistics of frames that the other files of row A16 rest on are planted in `test_matrices`, Fisher vectors in
`test_fisher`. The words of transcripts (tripathi2018-text) are planted in
`test_systems`, the raters' shares (soft-elm) in `classifiers/test_elm`.

Planted corpora are small. Where a file trains with SGD at a rate and for a time that suit thousands of recordings
(rows C3, D1 and D2), the network is trained with `net`'s own Adam.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import planted
import pytest
from planted import Kind, Plant

from affex.classifiers.base import Classifier
from affex.classifiers.net import Net
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import metrics, runs
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.figures import confusion_of
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.fusion import fusion
from affex.pipeline.reporting import report
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.systems.system import System, systems

RECURRENT, CONVOLUTIONS = {"rnn", "gru", "lstm", "bilstm"}, {"conv1d", "cnn2d", "cnn3d"}
#: Its head alone learns the shapes planted here, picture by picture; `classifiers/test_transformer` has its part.
PLANTED_ELSEWHERE = {"minaee2019"}
ATTENTION = {"self", "relation", "transformer"}
BUILT = [one for one in systems().values() if one.status == "works"]
#: Utterances; attention and recurrence need more of them at the rates of the systems.
FEW = 432
MORE = {planted.some_rows: 1080, planted.order_of_rows: 720, planted.halves: 720}
#: What is tried in every run of the tests; `tests/classifiers/test_net.py` has each mechanism by itself.
ALWAYS = ("hidden layers-tripathi2018-mlp",)


@dataclass(frozen=True)
class Target:
    """What a system predicts."""

    name: str
    classes: str

    @property
    def values(self) -> bool:
        return self.name != "label" and not self.classes


@dataclass(frozen=True)
class Ablation:
    """A network with a mechanism and without, and where it is planted.

    Parameters
    ----------
    off
        The network without it; for each of the streams that it reads alone, if it is their fusion.
    where
        The number of the stream in which the class is planted.
    """

    mechanism: str
    system: str
    on: Net
    off: tuple[Net, ...]
    kinds: tuple[Kind, ...]
    plant: Plant
    where: int
    target: Target

    def __str__(self) -> str:
        stream = f"-{self.where}" if len(self.kinds) > 1 else ""
        return f"{self.mechanism}-{self.system}{stream}"


def kinds_of(names: Sequence[str], classifier: Classifier) -> tuple[Kind, ...]:
    """Return the kinds of the rows of features, as a classifier reads them."""
    specs = reader_of(classifier).wanted(feature_specs(" ".join(names)))
    plain = [spec.pool or spec.only or not spec.feature.row_shape for spec in specs]
    shapes = [() if flat else spec.feature.row_shape for spec, flat in zip(specs, plain, strict=True)]
    return tuple(
        Kind(shape[-1] if shape else 0, spec.framewise, planted.PICTURES if len(shape) > 3 else 0)
        for spec, shape in zip(specs, shapes, strict=True)
    )


def target_of(system: System) -> Target:
    settings = system.settings
    return Target(settings.get("target") or "label", settings.get("classes", ""))


def paced(net: Net) -> Net:
    """Return one network, trained as `net` is by itself if its own schedule is one of SGD."""
    net = replace(net, seeds=1)
    if net.optimiser == "adam":
        return net
    usual = Net()
    return replace(net, optimiser="adam", rate=usual.rate, epochs=usual.epochs, patience=usual.patience)


def each(text: str, n: int) -> list[str]:
    """Return the trunk, the pool or the kernels of each of n streams."""
    found = text.split("/")
    return found * n if len(found) == 1 else found


def spelt(net: Net, n: int) -> Net:
    """Return a network with the parts of each of n streams, so that equal networks are spelt alike."""
    return replace(net, **{name: "/".join(each(getattr(net, name), n)) for name in ("trunk", "pool", "kernels")})


def joined(net: Net) -> Net:
    """Return a network that joins its streams: a product hides what one stream shows beside noise in the other."""
    return replace(net, fusion="concat") if net.fusion == "bilinear" else net


def ablations(system: System) -> Iterator[Ablation]:
    """Yield the ablations of a system's networks."""
    for names, classifier in system.members:
        if isinstance(classifier, Net):
            kinds = kinds_of(names, classifier)
            net = spelt(paced(classifier), len(kinds))
            for mechanism, off, plant, where in mechanisms(net, kinds):
                on = net if mechanism == "product" else joined(net)
                yield Ablation(mechanism, system.name, on, off, kinds, plant, where, target_of(system))


def mechanisms(net: Net, kinds: tuple[Kind, ...]) -> Iterator[tuple[str, tuple[Net, ...], Plant, int]]:
    """Yield the mechanisms of a network: their names, the network without them, and where they are planted."""
    n, beside = len(kinds), joined(net)
    trunks, pools, kernels = (each(text, n) for text in (net.trunk, net.pool, net.kernels))

    def without(stream: int, trunk: str, pool: str) -> tuple[Net, ...]:
        own = {"trunk": (trunks, trunk), "pool": (pools, pool), "kernels": (kernels, "auto")}
        parts = {name: "/".join([*found[:stream], part, *found[stream + 1 :]]) for name, (found, part) in own.items()}
        return (replace(beside, **parts),)

    if net.context != "none":
        plant = planted.turns_after if net.turns == "bilstm" else planted.turns_before
        yield "context", (replace(net, context="none"),), plant, 0
    for stream, (trunk, pool) in enumerate(zip(trunks, pools, strict=True)):
        layers = trunk.split("+")
        rest = {
            name: "+".join(one for one in layers if one not in some) or "none"
            for name, some in (("recurrence", RECURRENT), ("convolution", CONVOLUTIONS))
        }
        if rest["recurrence"] != trunk:
            yield "recurrence", without(stream, rest["recurrence"], pool), planted.order_of_rows, stream
        if "cnn3d" in layers:
            flat = rest["convolution"] if kinds[stream].frames else trunk.replace("cnn3d", "cnn2d")
            yield "convolution over time", without(stream, flat, pool), planted.movement, stream
        elif rest["convolution"] != trunk:
            plant = planted.shapes if "cnn2d" in layers else planted.order_of_rows
            yield "convolution", without(stream, rest["convolution"], pool), plant, stream
        if pool in ATTENTION:
            yield "attention", without(stream, "none", "mean"), planted.some_rows, stream
    if n > 1 and net.fusion == "bilinear":
        yield "product", (replace(net, fusion="concat"),), planted.product, 0
    elif n > 1:
        alone = [
            replace(net, trunk=trunk, pool=pool, kernels=kernel, pretrain="none", frozen=False)
            for trunk, pool, kernel in zip(trunks, pools, kernels, strict=True)
        ]
        yield "streams", tuple(alone), planted.halves, 0
    if net.head != "none" and set(trunks) == {"none"} and net.context == "none":
        yield "hidden layers", (replace(net, head="none"),), planted.corners, 0


def plan_of(classifier: Classifier, features: Sequence[str], target: Target, **settings: object) -> Plan:
    protocol = Protocol("split", "split", target=target.name, classes=target.classes)
    return Plan(corpus="made", features=tuple(features), keys=tuple(f"key of {name}" for name in features),
                classifier=classifier, protocol=protocol, settings=Settings(**settings))  # fmt: skip


def figure(scores: Scores) -> float:
    """Return the UAR, or the CCC of values."""
    if not scores.classes:
        return metrics.ccc(scores.true, scores.predicted)
    return metrics.uar(confusion_of(scores))


@functools.cache
def found(
    net: Net, kinds: tuple[Kind, ...], plant: Plant, where: int, target: Target, stream: int | None, seed: int
) -> float:
    """Return the figure of a network on all streams, or on one of them; systems of equal networks share it."""
    table = planted.table(plant, kinds, seed, MORE.get(plant, FEW), where)
    if stream is not None:
        table = table.under([stream])
    return figure(evaluate(table, plan_of(net, [one.feature for one in table.streams], target, seed=seed)).scores)


def with_and_without(one: Ablation, seed: int) -> tuple[float, float]:
    """Return the figure with the mechanism, and the best without it."""
    planted_in = one.kinds, one.plant, one.where, one.target
    alone = range(len(one.off)) if len(one.off) > 1 else [None]
    off = [found(net, *planted_in, stream, seed) for net, stream in zip(one.off, alone, strict=True)]
    return found(one.on, *planted_in, None, seed), max(off)


ALL = [one for system in BUILT if system.name not in PLANTED_ELSEWHERE for one in ablations(system)]


@pytest.mark.parametrize(
    "one",
    [pytest.param(one, id=str(one), marks=() if str(one) in ALWAYS else pytest.mark.slow) for one in ALL],
)
def test_a_network_beats_itself_with_its_mechanism_switched_off(one: Ablation) -> None:
    on, off = with_and_without(one, seed=0)
    assert on > 0.7
    assert off < on - 0.15


def test_each_system_has_a_mechanism_or_is_a_single_model_that_is_no_network() -> None:
    tested = (
        PLANTED_ELSEWHERE | {one.system for one in ALL} | {system.name for system in BUILT if len(system.members) > 1}
    )
    assert {classifier.name for one in BUILT if one.name not in tested for _, classifier in one.members} == {
        *("dbm", "dbn", "elm", "fisher", "hmm", "logistic", "svm", "tfidf")
    }


# Several models whose scores are fused


@pytest.fixture
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take most of the time of writing a run, and no fusion looks at them."""
    monkeypatch.setattr(report.pictures, "of_result", lambda result, summary: {})


@pytest.mark.slow
@pytest.mark.usefixtures("_no_pictures")
@pytest.mark.parametrize("system", [one for one in BUILT if len(one.members) > 1], ids=lambda one: one.name)
def test_fused_scores_beat_the_best_model_alone(system: System, tmp_path: Path) -> None:
    rule = fusion.rule_of(system.settings["fusion"])
    models = [paced(one) if isinstance(one, Net) else one for _, one in system.members]
    kinds = tuple(kinds_of(names, one)[0] for names, one in system.members)
    plant, least = (planted.halves, 0.1) if len(models) == 2 else (planted.witnesses, 0.03)
    table = planted.table(plant, kinds, seed=0)
    done = []
    for number, model in enumerate(models):
        plan = plan_of(model, [f"s{number}"], target_of(system))
        result = evaluate(table.under([number]), plan, inner=fusion.CLASS_RULES[rule].learns)
        report.write(result, tmp_path / str(number), f"basis of {number}")
        done.append(runs.read(tmp_path / str(number)))
    fused, alone = figure(fusion.late(done, rule).scores), [figure(run.scores) for run in done]
    assert fused > max(alone) + least


# What does not depend on the network before it


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_loss_of_concordance_beats_squared_errors_where_half_is_noise(seed: int) -> None:
    """With a correlation r, squared errors are least for values that vary too little: CCC 2 r^2 / (1 + r^2) < r."""
    ((names, net),) = systems()["omg-net"].members
    kinds = kinds_of(names, net)
    table = planted.table(planted.doubtful, kinds, seed)
    on, off = (
        figure(evaluate(table, plan_of(one, ["s0"], Target("arousal", ""), seed=seed)).scores)
        for one in (net, replace(net, loss="mse"))
    )
    assert on > off + 0.03


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_scores_by_the_frequencies_of_classes_are_more_often_right_where_frequencies_differ(seed: int) -> None:
    system = systems()["zhou2019-audio"]
    ((names, net),) = system.members
    assert system.settings["reweight"]
    table = planted.table(planted.uneven, kinds_of(names, net), seed)
    on, off = (
        evaluate(table, plan_of(net, ["s0"], target_of(system), seed=seed, reweight=reweight)).scores
        for reweight in (True, False)
    )
    assert metrics.war(confusion_of(on)) > metrics.war(confusion_of(off)) + 0.03


@pytest.mark.slow
def test_several_networks_are_surer_of_what_is_right_than_one_by_one() -> None:
    """A mean of probabilities has a smaller loss than its members have in the mean."""
    system = systems()["zhou2019-ensemble"]
    ((names, net),) = system.members
    kinds, classes = kinds_of(names, net), ("a", "d")
    table = planted.table(planted.witnesses, kinds, seed=0)

    def loss(one: Net, seed: int) -> float:
        scores = evaluate(table, plan_of(one, ["s0", "s1"], target_of(system), seed=seed)).scores
        return metrics.log_loss(scores.true, scores.values, classes)

    alone = [loss(replace(net, seeds=1), seed) for seed in range(net.seeds)]
    assert loss(net, 0) < np.mean(alone) - 0.01
