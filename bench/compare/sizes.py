"""The sizes of ordinary mail: a model, and a few sizes that stand for it.

No relay of today publishes its percentiles. The model is an assumption put together from published shapes (a
log-normal body with a Pareto tail, two classes of text) and figures: 55% short text, 35% HTML mail, 9% with an
attachment, 1% very large. Whoever has a recording of their own mail should rather play that.
"""
import math
import statistics

KB, MB = 1000, 1_000_000
# (share, distribution function of the size in octets)
MODEL = [
    (0.55, lambda size: log_normal(size, median=8 * KB, sigma=1.0)),
    (0.35, lambda size: log_normal(size, median=45 * KB, sigma=0.8)),
    (0.09, lambda size: pareto(size, smallest=100 * KB, alpha=1.1, largest=30 * MB)),
    (0.01, lambda size: min(1.0, max(0.0, (size - 10 * MB) / (40 * MB)))),
]


def log_normal(size, median, sigma):
    return statistics.NormalDist(math.log(median), sigma).cdf(math.log(size))


def pareto(size, smallest, alpha, largest):
    def unbounded(octets):
        return 1 - (smallest / max(octets, smallest)) ** alpha
    return min(1.0, unbounded(size) / unbounded(largest))


def share_below(size):
    """The share of messages that are at most this long."""
    return sum(share * part(size) for share, part in MODEL)


def quantile(share):
    """The size that this share of messages does not exceed, in octets."""
    low, high = 1, 50 * MB
    while high - low > 1:
        middle = (low + high) // 2
        if share_below(middle) < share:
            low = middle
        else:
            high = middle
    return high


def quantiles(count, largest):
    """`count` sizes, each in the middle of its share of all messages; none above `largest`."""
    return [min(largest, quantile((index + 0.5) / count)) for index in range(count)]
