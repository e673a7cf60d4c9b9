"""What others do with the same data: vectorised over all keys, `requests` being an array of keys by hours.

Each takes a threshold and returns where it would alarm. All of them look at requests only; error_rule is what they are given
for errors.
"""

import numpy as np

from anomaly_data import HOURS, WEEK

LEARNED = 4 * WEEK
LEAST = 15  # requests more or fewer than expected: below that none of them may alarm


def rolling(requests):
    """Mean and standard deviation of the 168 hours before each hour."""
    sums = np.cumsum(np.pad(requests.astype(np.float64), ((0, 0), (1, 0))), axis=1)
    squares = np.cumsum(np.pad(requests.astype(np.float64)**2, ((0, 0), (1, 0))), axis=1)
    mean, deviation = np.zeros(requests.shape, np.float32), np.full(requests.shape, np.inf, np.float32)
    mean[:, WEEK:] = (sums[:, WEEK:-1] - sums[:, :-WEEK - 1]) / WEEK
    variance = (squares[:, WEEK:-1] - squares[:, :-WEEK - 1]) / WEEK - mean[:, WEEK:].astype(np.float64)**2
    deviation[:, WEEK:] = np.sqrt(np.maximum(variance, 0))
    return mean, deviation


def off_by(requests, expected, most):
    off = np.abs(requests - expected)
    return (off > most) & (off > LEAST)


def static_threshold(requests, times):
    """So many times the highest hour of the first four weeks."""
    highest = requests[:, :LEARNED].max(axis=1, keepdims=True)
    return requests > np.maximum(times * highest, LEAST)


def mean_and_sigma(requests, sigmas):
    mean, deviation = rolling(requests)
    return off_by(requests, mean, sigmas * deviation)


def prometheus_z(requests, z):
    """The recipe of recording rules: the median of what the last three weeks predict for this hour, against the week's
    standard deviation."""
    mean, deviation = rolling(requests)
    predictions = []
    for weeks in (1, 2, 3):
        before = np.zeros(requests.shape, np.float32)
        before[:, weeks * WEEK:] = requests[:, :-weeks * WEEK] + mean[:, weeks * WEEK:] - mean[:, :-weeks * WEEK]
        predictions.append(before)
    return off_by(requests, np.median(predictions, axis=0), z * deviation)


def week_over_week(requests, ratio):
    before = np.full(requests.shape, np.nan, np.float32)
    before[:, WEEK:] = requests[:, :-WEEK]
    high = (requests > ratio * before) & (requests - before > LEAST)
    return high | ((requests * ratio < before) & (before - requests > LEAST))


def holt_winters(requests, scale):
    """Brutlag's bands around additive Holt-Winters with a season of a week."""
    alpha, beta, gamma = .1, .0035, .1
    level, trend = requests[:, :WEEK].mean(axis=1), np.zeros(len(requests), np.float32)
    season = requests[:, :WEEK] - level[:, None]
    band = np.tile(requests[:, :WEEK].std(axis=1)[:, None], WEEK)
    alarms = np.zeros(requests.shape, bool)
    for hour in range(WEEK, HOURS):
        y, slot = requests[:, hour], hour % WEEK
        expected = level + trend + season[:, slot]
        off = np.abs(y - expected)
        alarms[:, hour] = (off > scale * band[:, slot]) & (off > LEAST)
        band[:, slot] += gamma * (off - band[:, slot])
        before = level
        level = alpha * (y - season[:, slot]) + (1 - alpha) * (level + trend)
        trend = beta * (level - before) + (1 - beta) * trend
        season[:, slot] += gamma * (y - level - season[:, slot])
    return alarms


def error_rule(requests, errors):
    """Ten errors, a quarter of all requests, three times what was usual in the first four weeks."""
    usual = errors[:, :LEARNED].sum(axis=1) / np.maximum(requests[:, :LEARNED].sum(axis=1), 1)
    return (errors >= 10) & (errors >= np.maximum(.25, 3 * usual)[:, None] * requests)


METHODS = {
    "static threshold, {} x maximum": (static_threshold, (2, 5, 10)),
    "mean + {} sigma over 7 days": (mean_and_sigma, (3, 6, 10)),
    "Prometheus-style z > {}": (prometheus_z, (3, 6, 10)),
    "week over week, {} x": (week_over_week, (3, 10, 30)),
    "Holt-Winters, {} bands": (holt_winters, (3, 6, 12)),
}
