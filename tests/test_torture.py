"""A short form of `torture.py`: cache and results under attack, through the command, on every test run."""

from pathlib import Path

import pytest
import torture
import torture_results


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> torture.Ground:
    return torture.prepare(tmp_path_factory.mktemp("torture") / "ground", n_utterances=40)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> torture.Ground:
    """Rows with pictures, and a feature that reads them."""
    folder = tmp_path_factory.mktemp("torture") / "chain"
    return torture.prepare(folder, n_utterances=40, features=("tiles", "peaks"))


def test_flipped_bits_are_found_and_mended(ground: torture.Ground) -> None:
    torture.flips(ground, stride=4)


def test_a_cut_file_is_mended(ground: torture.Ground) -> None:
    torture.cuts(ground, shares=(0.0, 0.9))


def test_a_full_disk_loses_nothing_finished(ground: torture.Ground) -> None:
    torture.full_disk(ground, sizes=(256,))


def test_a_kill_between_two_steps_of_writing_loses_nothing_finished(ground: torture.Ground) -> None:
    torture.steps(ground, stride=9)


def test_a_kill_at_any_moment_loses_nothing_finished(ground: torture.Ground) -> None:
    torture.kills(ground, n_kills=1, seed=1)


def test_the_torture_can_fail(ground: torture.Ground) -> None:
    ground.run()
    with pytest.raises(SystemExit, match="expected 'mfcc-voice: 39 cached, 1 computed, 0 failed'"):
        torture.check(ground, "a false claim", held_before=(39,))
    ground.clear()


def test_what_is_left_behind_is_seen(ground: torture.Ground, tmp_path: Path) -> None:
    ground.run()
    (ground.folder / "forgotten.parts").mkdir()
    with pytest.raises(SystemExit, match="left behind"):
        torture.check(ground, "litter", held_before=(ground.n_utterances,))
    ground.clear()


def test_flipped_bits_in_pictures_are_found_and_mended(chain: torture.Ground) -> None:
    torture.flips(chain, stride=5)


def test_cut_pictures_are_mended(chain: torture.Ground) -> None:
    torture.cuts(chain, shares=(0.9,))


def test_a_full_disk_loses_no_finished_pictures(chain: torture.Ground) -> None:
    torture.full_disk(chain, sizes=(768,))


def test_a_kill_between_two_steps_of_writing_loses_no_link_of_a_chain(chain: torture.Ground) -> None:
    torture.steps(chain, stride=13)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> torture_results.Study:
    return torture_results.prepare(tmp_path_factory.mktemp("torture") / "results")


def test_hurt_results_are_never_read_as_something_else(study: torture_results.Study) -> None:
    torture_results.results(study, n=60)


def test_a_kill_between_two_steps_leaves_old_or_new_results(study: torture_results.Study, tmp_path: Path) -> None:
    with torture_results.serving() as server:
        for verb in torture_results.verbs(study, tmp_path):
            if verb.name in ("evaluate", "import"):
                assert torture_results.kills(verb, server, stride=36, first=5)


def test_the_attack_on_results_can_fail(study: torture_results.Study) -> None:
    with pytest.raises(SystemExit, match="read as something else"):
        torture_results.attack(study.run / "metrics.json", (study.run / "metrics.json").read_bytes, n=4)


def test_a_kill_in_an_evaluation_costs_the_folds_that_were_not_finished(ground: torture.Ground) -> None:
    torture.folds(ground, first=27, stride=30)
