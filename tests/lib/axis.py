"""Numbers on the axes of drawings."""

import math


def nice_steps(most, count=5):
    """About so many round numbers from 0 to one that is at least `most`."""
    raw = max(most, 1e-9) / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * (1 - 1e-9))
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]
