"""Any script can use these building blocks of neural networks: no recipe, no launch, only torch.

``MLPEnsemble`` holds hundreds of small networks as one tensor; ``train_ensemble`` trains them as one program.
"""

from lblhep.nn.data import TrainingSet, minibatch_order
from lblhep.nn.early_stopping import EpochLosses, TrainingResult
from lblhep.nn.ensemble import MLPEnsemble, Standardise
from lblhep.nn.training import train_ensemble

__all__ = [
    "EpochLosses",
    "MLPEnsemble",
    "Standardise",
    "TrainingResult",
    "TrainingSet",
    "minibatch_order",
    "train_ensemble",
]
