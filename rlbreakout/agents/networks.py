"""Convolutions for pictures of any size: those of DQN, padded so that no pixel is left out."""

from __future__ import annotations

from typing import NamedTuple

import gymnasium as gym
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor


class Convolution(NamedTuple):
    """A layer of square filters: their number, edge and stride, both in pixels."""

    filters: int
    size: int
    stride: int


CNNS = {
    "nature": ((Convolution(32, 8, 4), Convolution(64, 4, 2), Convolution(64, 3, 1)), 512),
    "nips": ((Convolution(16, 8, 4), Convolution(32, 4, 2)), 256),
    "standardized": ((Convolution(32, 8, 4), Convolution(64, 4, 2), Convolution(64, 3, 1)), 256),
}
"""The convolutions of DQN, and the nodes of the layer after them: Mnih et al. 2015 (https://doi.org/10.1038/nature14236)
and 2013 (https://arxiv.org/abs/1312.5602), which takes about a fifth of the computation. `standardized` are those of
2015, on standardized pixels and with half the nodes."""


class StandardizedPixels(torch.nn.Module):
    """Pixels minus their mean, divided by their standard deviation, in images `(n, channels, height, width)`.

    The ball lights a few of thousands of pixels, each of them rarely; the bricks hardly ever change. Standardized, a
    pixel counts for more the more rarely it is lit. All channels share the statistics `(height, width)`, those
    of the first BATCHES in training.
    """

    BATCHES = 64
    LEAST_DEVIATION = 0.1
    mean: torch.Tensor
    variance: torch.Tensor
    batches: torch.Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(height, width))
        self.register_buffer("variance", torch.ones(height, width))
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training and self.batches < self.BATCHES:
            self.batches += 1
            mean = images.mean(dim=(0, 1))
            away = mean - self.mean
            variance = images.var(dim=(0, 1), correction=0) + (1 - 1 / self.batches) * away**2
            self.variance += (variance - self.variance) / self.batches
            self.mean += away / self.batches
        return (images - self.mean) / self.variance.sqrt().clamp_min(self.LEAST_DEVIATION)


class PaddedCNN(BaseFeaturesExtractor):
    """One of CNNS for images of any size, `(n, channels, height, width)` scaled to 0..1.

    An 8x8 filter with stride 4 sees all 84 rows of an image, but only the first 84 of 87. So each layer is padded with
    zeros below and on the right, as many as it needs. Where it needs none, `nature` is SB3's NatureCNN.
    """

    def __init__(self, observation_space: gym.spaces.Box, cnn: str = "nature") -> None:
        convolutions, nodes = CNNS[cnn]
        super().__init__(observation_space, nodes)
        channels, height, width = observation_space.shape
        layers: list[torch.nn.Module] = [StandardizedPixels(height, width)] if cnn == "standardized" else []
        for filters, size, stride in convolutions:
            below, right = -(height - size) % stride, -(width - size) % stride
            layers += [torch.nn.ZeroPad2d((0, right, 0, below))] if below or right else []
            layers += [torch.nn.Conv2d(channels, filters, size, stride), torch.nn.ReLU()]
            channels = filters
            height, width = (height + below - size) // stride + 1, (width + right - size) // stride + 1
        self.cnn = torch.nn.Sequential(*layers, torch.nn.Flatten())
        self.linear = torch.nn.Sequential(torch.nn.Linear(channels * height * width, nodes), torch.nn.ReLU())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.linear(self.cnn(observations))


class PaddedCombined(BaseFeaturesExtractor):
    """PaddedCNN's features of `image`, followed by `coordinates`, for a Dict observation of both."""

    def __init__(self, observation_space: gym.spaces.Dict, cnn: str = "nature") -> None:
        image, coordinates = observation_space["image"], observation_space["coordinates"]
        assert isinstance(image, gym.spaces.Box) and coordinates.shape is not None
        convolutions = PaddedCNN(image, cnn)
        super().__init__(observation_space, convolutions.features_dim + coordinates.shape[0])
        self.cnn = convolutions

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([self.cnn(observations["image"]), observations["coordinates"]], dim=1)


PADDED: dict[str, type[BaseFeaturesExtractor]] = {"CnnPolicy": PaddedCNN, "MultiInputPolicy": PaddedCombined}
