from __future__ import annotations

import math

import pytest
import torch

from lblhep.nn import MLPEnsemble


def test_a_networks_initial_weights_depend_on_its_seed_alone() -> None:
    together = MLPEnsemble.initialised((3, 8, 1), seeds=[5, 7, 5])
    alone = MLPEnsemble.initialised((3, 8, 1), seeds=[7])
    assert torch.equal(together.parameters[1], alone.parameters[0])
    assert torch.equal(together.parameters[0], together.parameters[2])
    assert not torch.equal(together.parameters[0], together.parameters[1])


def test_initial_weights_are_distributed_as_those_of_torch_linear() -> None:
    ensemble = MLPEnsemble.initialised((4, 100, 1), seeds=range(50))
    first, last = ensemble.parameters[:, :500], ensemble.parameters[:, 500:]
    for part, bound in ((first, 1 / math.sqrt(4)), (last, 1 / math.sqrt(100))):
        assert part.abs().max() <= bound
        # The standard deviation of 5,050 or more uniform draws is known to better than 1 %.
        assert part.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.04)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "elu", "leaky_relu"])
def test_networks_as_modules_give_the_same_logits(activation: str) -> None:
    ensemble = MLPEnsemble.initialised((3, 8, 5, 1), seeds=range(4), activation=activation)
    ensemble.mean += torch.arange(12.0).view(4, 3)
    ensemble.std *= 2
    x = torch.randn(4, 20, 3)
    logits = ensemble(x)
    for i in range(4):
        torch.testing.assert_close(ensemble.network(i)(x[i])[:, 0], logits[i])


def test_predict_and_select() -> None:
    ensemble = MLPEnsemble.initialised((3, 8, 1), seeds=range(5))
    x = torch.randn(50, 3)
    logits = ensemble.predict(x, batch=16)
    assert logits.shape == (5, 50)
    torch.testing.assert_close(logits, ensemble(x.expand(5, -1, -1)))
    torch.testing.assert_close(ensemble.select([3, 1]).predict(x), logits[[3, 1]])
    few = ensemble.select(torch.tensor([True, False, False, False, False]))
    few.parameters.zero_()
    assert len(few) == 1
    assert ensemble.parameters[0].abs().sum() > 0, "a selection is a copy"


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="sizes"):
        MLPEnsemble.initialised((3, 8, 2), seeds=[0])
    with pytest.raises(ValueError, match=r"activation 'swish'.*relu"):
        MLPEnsemble.initialised((3, 8, 1), seeds=[0], activation="swish")
    good = MLPEnsemble.initialised((3, 8, 1), seeds=[0])
    with pytest.raises(ValueError, match="parameters"):
        MLPEnsemble((3, 9, 1), "relu", good.parameters, good.mean, good.std)
