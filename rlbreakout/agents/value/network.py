"""The Q-network: a stack of pictures in, a value for each action out."""

from __future__ import annotations

import torch

from rlbreakout.agents.value.equations import dueling
from rlbreakout.common.errors import UserError
from rlbreakout.config import QNetworkConfig


def sizes(config: QNetworkConfig, height: int, width: int) -> list[tuple[int, int]]:
    """Height and width of a picture in pixels after each convolution.

    Raises UserError that names the first convolution whose kernel does not fit into what it gets.
    """
    found = []
    layers = zip(config.kernels, config.strides, config.paddings, strict=True)
    for layer, (kernel, stride, padding) in enumerate(layers, 1):
        given = f"{height}x{width}" + (f" and a padding of {padding}" if padding else "")
        height, width = height + 2 * padding, width + 2 * padding
        if kernel > min(height, width):
            raise UserError(
                f"value.network: convolution {layer} has a kernel of {kernel}x{kernel} and gets pictures of {given}; "
                f"allowed: a kernel of at most {min(height, width)}, smaller strides or kernels before it, or padding"
            )
        height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
        found.append((height, width))
    return found


class QNetwork(torch.nn.Module):
    """Q(s, .): pictures `(n, channels, height, width)` uint8 in, Q-values `(n, actions)` float32 out.

    Raises UserError if a kernel does not fit into the pictures.
    """

    optimizer: torch.optim.Optimizer
    """Put here by who trains it, as SB3's policies have it."""

    def __init__(self, config: QNetworkConfig, shape: tuple[int, int, int], n_actions: int) -> None:
        super().__init__()
        channels, height, width = shape
        convolutions: list[torch.nn.Module] = []
        after = sizes(config, height, width)
        layers = zip(config.channels, config.kernels, config.strides, config.paddings, strict=True)
        for filters, kernel, stride, padding in layers:
            convolutions += [torch.nn.Conv2d(channels, filters, kernel, stride, padding), torch.nn.ReLU()]
            channels = filters
        self.convolutions = torch.nn.Sequential(*convolutions, torch.nn.Flatten())
        nodes = channels * after[-1][0] * after[-1][1]
        hidden: list[torch.nn.Module] = []
        for more in config.hidden:
            hidden += [torch.nn.Linear(nodes, more), torch.nn.ReLU()]
            nodes = more
        self.hidden = torch.nn.Sequential(*hidden)
        self.advantage = torch.nn.Linear(nodes, n_actions)
        self.value = torch.nn.Linear(nodes, 1) if config.dueling else None

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        features = self.hidden(self.convolutions(pictures.float() / 255))
        advantages = self.advantage(features)
        return advantages if self.value is None else dueling(self.value(features), advantages)
