"""Networks, as a team would write them."""

from typing import Any

import torch


class Small(torch.nn.Module):
    """One hidden layer. Both kinds of chance are in it, that of first weights and that of training, and buffers too."""

    def __init__(self, inputs: int, outputs: int, hidden: int = 8, dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(inputs, hidden),
            torch.nn.BatchNorm1d(hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(hidden, outputs),
        )

    def forward(self, rows: Any) -> Any:
        return self.layers(rows)


class Shared(torch.nn.Module):
    """Two layers with the same weights, and one that holds numbers which are not kept."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(inputs, inputs), torch.nn.Linear(inputs, inputs)
        self.second.weight = self.first.weight
        self.last = torch.nn.Linear(inputs, outputs)
        self.register_buffer("scale", torch.full((inputs,), 0.5), persistent=False)

    def forward(self, rows: Any) -> Any:
        return self.last(torch.relu(self.second(torch.relu(self.first(rows * self.scale)))))
