"""Networks that see pictures: DQN's convolutions, padded so that no pixel is left out, and one that sees motion."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

CNNS: dict[str, tuple[tuple[tuple[int, int, int], ...], int]] = {
    "nature": (((32, 8, 4), (64, 4, 2), (64, 3, 1)), 512),
    "nips": (((16, 8, 4), (32, 4, 2)), 256),
}
"""The convolutions of DQN (for each the number of its square filters, their edge and their stride, in pixels), and the
nodes of the layer after them: Mnih et al. 2015 (https://doi.org/10.1038/nature14236) and 2013
(https://arxiv.org/abs/1312.5602), which takes about a fifth of the computation."""


def pad_and_convolve(shape: tuple[int, ...], cnn: str) -> tuple[torch.nn.Sequential, int]:
    """The convolutions of one of CNNS for images of any `shape`, `(channels, height, width)`, and how many numbers they
    give.

    An 8x8 filter with stride 4 sees all 84 rows of an image, but only the first 84 of 87. So each layer is padded with
    zeros below and on the right, as many as it needs.
    """
    channels, height, width = shape
    layers: list[torch.nn.Module] = []
    for filters, size, stride in CNNS[cnn][0]:
        below, right = -(height - size) % stride, -(width - size) % stride
        layers += [torch.nn.ZeroPad2d((0, right, 0, below))] if below or right else []
        layers += [torch.nn.Conv2d(channels, filters, size, stride), torch.nn.ReLU()]
        channels = filters
        height, width = (height + below - size) // stride + 1, (width + right - size) // stride + 1
    return torch.nn.Sequential(*layers, torch.nn.Flatten()), channels * height * width


class PaddedCNN(BaseFeaturesExtractor):
    """One of CNNS for images of any size, `(n, channels, height, width)` scaled to 0..1, which uses every pixel.

    Where nothing has to be padded, `nature` is SB3's NatureCNN.
    """

    def __init__(self, observation_space: gym.spaces.Box, cnn: str = "nature") -> None:
        nodes = CNNS[cnn][1]
        super().__init__(observation_space, nodes)
        self.cnn, numbers = pad_and_convolve(observation_space.shape, cnn)
        self.linear = torch.nn.Sequential(torch.nn.Linear(numbers, nodes), torch.nn.ReLU())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.linear(self.cnn(observations))


class Standardized(torch.nn.Module):
    """Images `(n, channels, height, width)`: each pixel minus its mean, divided by its standard deviation.

    The ball lights a few of thousands of pixels, each of them rarely. Standardized, a pixel counts for more the more
    rarely it is lit. The statistics, `(channels, height, width)`, are those of the first BATCHES in training.
    """

    BATCHES = 64
    LEAST_DEVIATION = 0.05
    mean: torch.Tensor
    variance: torch.Tensor
    batches: torch.Tensor

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, height, width))
        self.register_buffer("variance", torch.ones(channels, height, width))
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training and self.batches < self.BATCHES:
            self.batches += 1
            mean = images.mean(dim=0)
            away = mean - self.mean
            variance = images.var(dim=0, correction=0) + (1 - 1 / self.batches) * away**2
            self.variance += (variance - self.variance) / self.batches
            self.mean += away / self.batches
        return (images - self.mean) / self.variance.sqrt().clamp_min(self.LEAST_DEVIATION)


class Places(torch.nn.Module):
    """In which column things are in images `(n, channels, height, width)`: a soft argmax.

    For each of POINTS things a channel, the pixels of a column are added up with weights, one for each row. The softmax
    of these sums over the columns says where the thing probably is, and its mean is the answer. Gives
    `(n, channels * POINTS * 2)`: the columns, from -1 to 1, and the logarithms of how much was there.

    Source: the spatial softmax of Levine et al. 2016 (https://arxiv.org/abs/1504.00702), here for one axis at a time.
    """

    POINTS = 6
    GAIN = 10.0
    """The weights learn as many times faster."""
    columns: torch.Tensor

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(0.03 + 0.015 * torch.randn(channels, self.POINTS, height))
        self.register_buffer("columns", torch.linspace(-1, 1, width))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        sums = torch.matmul(self.GAIN * self.weights, images).float()
        where = (sums.softmax(dim=3) * self.columns).sum(dim=3)
        return torch.cat([where, 0.05 * sums.logsumexp(dim=3)], dim=2).flatten(1)


class MotionCNN(BaseFeaturesExtractor):
    """What appears from picture to picture, and where, for a stack of pictures `(n, pictures, height, width)` scaled to
    0..1.

    Its channels are what is lit in a picture and was not in the one before, what is no longer lit after the first, and
    the newest picture. So the ball stands out, and `Places` says in which row and column it is. The filters of 2013 see
    the same channels, for the layout of the bricks.
    """

    EDGE = 2
    """Zeros around what these filters see, so that the outer pixels count in more than one of them."""

    def __init__(self, observation_space: gym.spaces.Box) -> None:
        super().__init__(observation_space, 256)
        pictures, height, width = observation_space.shape
        channels = pictures + 1
        self.standardized = Standardized(channels, height, width)
        self.columns, self.rows = Places(channels, height, width), Places(channels, width, height)
        self.cnn, numbers = pad_and_convolve((channels, height + 2 * self.EDGE, width + 2 * self.EDGE), "nips")
        relu, linear, places = torch.nn.ReLU(), torch.nn.Linear, 4 * Places.POINTS * channels
        self.places = torch.nn.Sequential(linear(places, 256), relu, linear(256, 256), relu)
        self.layout = torch.nn.Sequential(linear(numbers, 128), relu)
        self.linear = torch.nn.Sequential(linear(256 + 128, 256), relu)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        appeared = torch.relu(observations[:, 1:] - observations[:, :-1])
        vanished = torch.relu(observations[:, :1] - observations[:, 1:2])
        seen = self.standardized(torch.cat([appeared, vanished, observations[:, -1:]], dim=1))
        places = self.places(torch.cat([self.columns(seen), self.rows(seen.transpose(2, 3))], dim=1))
        layout = self.layout(self.cnn(torch.nn.functional.pad(seen, (self.EDGE,) * 4)))
        return self.linear(torch.cat([places, layout], dim=1))


def build_picture_network(observation_space: gym.spaces.Box, cnn: str = "nature") -> BaseFeaturesExtractor:
    """The network that `network.cnn` names: MotionCNN for `motion`, otherwise PaddedCNN."""
    return MotionCNN(observation_space) if cnn == "motion" else PaddedCNN(observation_space, cnn)


class Combined(BaseFeaturesExtractor):
    """The features of `image`, followed by `coordinates`, for a Dict observation of both."""

    def __init__(self, observation_space: gym.spaces.Dict, cnn: str = "nature") -> None:
        image, coordinates = observation_space["image"], observation_space["coordinates"]
        assert isinstance(image, gym.spaces.Box) and coordinates.shape is not None
        convolutions = build_picture_network(image, cnn)
        super().__init__(observation_space, convolutions.features_dim + coordinates.shape[0])
        self.cnn = convolutions

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([self.cnn(observations["image"]), observations["coordinates"]], dim=1)


EXTRACTORS: dict[str, Callable[..., BaseFeaturesExtractor]] = {
    "CnnPolicy": build_picture_network,
    "MultiInputPolicy": Combined,
}
"""What turns the observation of each policy class with pictures into features."""
