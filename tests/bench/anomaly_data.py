"""Synthetic keys with labelled incidents: hourly requests and errors over 26 weeks from a Monday 00:00 UTC.

Seven classes of keys, seven types of incident, and things that look like incidents and are none: holidays, campaigns, single
bad hours, missed and doubled cron runs, growth, deployments, an outage of the platform. Each key has random numbers of its
own, so a key is the same whatever the number of keys.
"""

import math
from dataclasses import dataclass
from typing import Optional

import numpy as np

DAY, WEEK = 24, 168
WEEKS = 26
HOURS = WEEKS * WEEK
T = np.arange(HOURS)
OUTAGE_WEEK = 15

SHARES = {"human": .22, "consumer": .16, "cron": .20, "bursty": .14, "sparse": .14, "dormant": .07, "growing": .07}
TYPES = ("leak", "offhours", "ramp", "errors", "drop", "wake", "level")


@dataclass
class Incident:
    label: str
    start: int
    end: int  # the first hour after it


@dataclass
class Key:
    kind: str
    requests: np.ndarray
    errors: np.ndarray
    incident: Optional[Incident]


@dataclass
class Draft:
    """A key before its incident."""

    requests: np.ndarray
    time_zone: int
    peak: float
    allowed: tuple


def log_normal(rng, median, sigma, least, most):
    return float(np.clip(median * math.exp(sigma * rng.standard_normal()), least, most))


def log_uniform(rng, least, most):
    return math.exp(rng.uniform(math.log(least), math.log(most)))


def negative_binomial(rng, mean, alpha):
    mean = np.asarray(mean, dtype=float)
    return rng.poisson(mean * rng.gamma(1 / alpha, alpha, mean.shape)).astype(float)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Platform:
    """What befalls all keys of a seed."""

    def __init__(self, seed):
        rng = np.random.default_rng([seed, 0])
        weekdays = [day for day in range(14, HOURS // DAY) if day % 7 < 5]
        self.holidays = rng.choice(weekdays, 4, replace=False)
        self.outage = OUTAGE_WEEK * WEEK + int(rng.integers(0, WEEK - 1))


def day_factors(rng, day, deviation):
    """Days remember the day before; their mean is 1."""
    z, factors = rng.standard_normal(), []
    for step in rng.standard_normal(int(day[-1]) + 1):
        z = .6 * z + .8 * step
        factors.append(math.exp(deviation * z - deviation**2 / 2))
    return np.array(factors)[day]


def weekly_drift(rng):
    return np.exp(np.cumsum(rng.normal(0, .05, WEEKS)))[T // WEEK]


def human_shape(rng, time_zone):
    hour, day = (T + time_zone) % DAY + .5, (T + time_zone) // DAY
    begin, end = rng.uniform(7, 10), rng.uniform(16, 20)
    floor = rng.choice([0, .002, .01, .03])
    shape = floor + (1 - floor) * sigmoid((hour - begin) / .7) * sigmoid((end - hour) / .9)
    shape = np.where((hour > 12) & (hour < 13.5), shape * .8, shape)
    return np.where(day % 7 >= 5, shape * rng.choice([0, .02, .1, .4]), shape)


def without_holidays(rng, platform, mean, day):
    private = rng.choice(int(day[-1]), int(rng.integers(0, 3)), replace=False)
    for holiday in [*(h for h in platform.holidays if rng.random() < .7), *private]:
        mean = np.where(day == holiday, mean * rng.uniform(.05, .30), mean)
    return mean


def human(rng, platform, growth=1.0):
    time_zone = int(rng.integers(0, 24))
    day = (T + time_zone) // DAY
    peak = log_normal(rng, 60, 1.3, 5, 5000)
    mean = peak * human_shape(rng, time_zone) * day_factors(rng, day, .25) * weekly_drift(rng) * growth
    mean = without_holidays(rng, platform, mean, day)
    requests = negative_binomial(rng, mean, rng.uniform(.05, .5))
    return Draft(requests, time_zone, peak, ("leak", "offhours", "ramp", "errors", "drop", "level"))


def consumer(rng, _platform, growth=1.0):
    time_zone = int(rng.integers(0, 24))
    hour, day = (T + time_zone) % DAY, (T + time_zone) // DAY
    peak = log_normal(rng, 400, 1.4, 20, 50000)
    floor = rng.uniform(.1, .4)
    wave = (.5 + .5 * np.cos(2 * np.pi * (hour - rng.uniform(12, 20)) / DAY))**1.5
    mean = peak * (floor + (1 - floor) * wave) * day_factors(rng, day, .12) * growth
    mean = np.where(day % 7 >= 5, mean * rng.uniform(.7, 1.4), mean)
    for _ in range(rng.poisson(2)):  # campaigns: no incident, but they look like one
        start = int(rng.integers(0, HOURS))
        mean[start:start + int(rng.integers(2, 7))] *= rng.uniform(1.5, 2.5)
    return Draft(negative_binomial(rng, mean, rng.uniform(.01, .15)), time_zone, peak,
                 ("leak", "ramp", "errors", "drop", "level"))


def cron(rng, _platform):
    period = int(rng.choice([1, 1, 1, 2, 3, 4, 6, 12, 24, 24, 24, 168]))
    batch = log_normal(rng, 40, 1.5, 1, 20000)
    runs = np.arange(int(rng.integers(0, period)), HOURS, period)
    size = rng.integers(0, 3)
    if size == 0:
        sizes = np.full(runs.shape, round(batch), dtype=float)
    elif size == 1:
        sizes = rng.poisson(batch, runs.shape).astype(float)
    else:
        variation = rng.uniform(.1, .3)**2
        sizes = np.rint(rng.gamma(1 / variation, batch * variation, runs.shape))
    sizes[rng.random(runs.shape) < rng.uniform(.005, .02)] = 0
    sizes[rng.random(runs.shape) < .005] *= 2
    runs = np.minimum(runs + (rng.random(runs.shape) < .01), HOURS - 1)
    requests = np.bincount(runs, sizes, HOURS)
    allowed = ("leak", "level") + (("drop",) if period <= 24 else ()) + (("errors",) if batch >= 20 else ())
    return Draft(requests, 0, batch, allowed)


def bursty(rng, _platform):
    off, on = rng.uniform(6, 72), rng.uniform(1, 6)
    size, spread = log_normal(rng, 200, 1.2, 10, 20000), rng.uniform(.6, 1.3)
    requests, hour = np.zeros(HOURS), 0
    while True:
        hour += 1 + int(rng.exponential(off))
        if hour >= HOURS:
            break
        end = min(hour + 1 + int(rng.exponential(on)), HOURS)
        burst = spread * rng.standard_normal() + .5 * spread * rng.standard_normal(end - hour)
        requests[hour:end] = rng.poisson(size * np.exp(burst))
        hour = end
    return Draft(requests, 0, size, ("leak", "errors"))


def sparse(rng, _platform):
    rate = np.full(HOURS, log_uniform(rng, .02, 1) / DAY)
    time_zone = int(rng.integers(0, 24))
    if rng.random() < .5:
        hour, day = (T + time_zone) % DAY, (T + time_zone) // DAY
        rate = np.where((hour >= 9) & (hour < 17) & (day % 7 < 5), rate * WEEK / 40, 0)
    events = rng.poisson(rate)
    requests = np.array([rng.geometric(.66, n).sum() if n else 0 for n in events], dtype=float)
    return Draft(requests, time_zone, 1, ("leak",))


def dormant(rng, _platform):
    time_zone = int(rng.integers(0, 24))
    rate = log_uniform(rng, 1, 50)
    start = int(rng.integers(0, 11)) * DAY
    end = start + int(rng.integers(3, 11)) * DAY
    requests = rng.poisson(rate * human_shape(rng, time_zone)).astype(float)
    requests[:start] = requests[end:] = 0
    return Draft(requests, time_zone, rate, ("wake",))


def growing(rng, platform):
    growth = (1 + rng.uniform(.02, .12))**(T / WEEK)
    for _ in range(rng.integers(0, 3)):
        growth[int(rng.integers(0, HOURS)):] *= rng.uniform(1.15, 1.3)
    draft = (human if rng.random() < .4 else consumer)(rng, platform, growth)
    draft.allowed = ("leak", "errors", "drop")
    return draft


MAKERS = {"human": human, "consumer": consumer, "cron": cron, "bursty": bursty, "sparse": sparse, "dormant": dormant,
          "growing": growing}


def first_hour(condition, start):
    """The first hour from `start` on for which it holds; None: there is none."""
    found = np.flatnonzero(condition[start:])
    return start + int(found[0]) if found.size else None


class IncidentMaker:
    """Puts one incident into a draft; None where it has no place for it."""

    def __init__(self, rng, kind, draft):
        self.rng, self.kind, self.draft = rng, kind, draft
        self.requests = draft.requests
        used = self.requests[self.requests > 0]
        self.typical = float(used.mean()) if used.size else 1.0
        self.mean = float(self.requests.mean())
        self.start = int(rng.integers(6 * WEEK, 21 * WEEK))
        self.error_share = None  # (from, to, share) of an incident of errors

    def make(self):
        label = str(self.rng.choice(self.draft.allowed))
        return getattr(self, label)()

    def hours(self, least, most):
        return int(self.rng.integers(least, most + 1))

    def add(self, start, mean, hours):
        mean = np.broadcast_to(mean, (hours,))
        self.requests[start:start + hours] += negative_binomial(self.rng, mean, .1)

    def leak(self):
        factor = log_uniform(self.rng, *((10, 50) if self.kind == "bursty" else (3, 15)))
        hours = self.hours(2, 24)
        self.add(self.start, max(30, self.typical * factor), hours)
        return Incident("leak", self.start, self.start + hours)

    def offhours(self):
        local = (T + self.draft.time_zone) % DAY
        start = first_hour(local == self.rng.integers(0, 3), self.start)
        hours = self.hours(3, 6)
        self.add(start, max(15, self.draft.peak * log_uniform(self.rng, .2, 1)), hours)
        return Incident("offhours", start, start + hours)

    def ramp(self):
        rise, flat = self.hours(5, 14) * DAY, 3 * DAY
        slope = np.minimum(np.arange(1, rise + flat + 1) / rise, 1)
        extra = self.mean * (log_uniform(self.rng, 3, 8) - 1) * slope
        self.requests[self.start:self.start + rise + flat] += self.rng.poisson(extra)
        return Incident("ramp", self.start, self.start + rise + flat)

    def errors(self):
        start = first_hour(self.requests >= self.typical / 2, self.start)
        if start is None:
            return None
        hours = min(self.hours(3, 24), HOURS - start)
        extra = self.typical * self.rng.uniform(0, .5)
        self.requests[start:start + hours] += self.rng.poisson(extra, hours)
        self.error_share = (start, start + hours, self.rng.uniform(.3, .9))
        return Incident("errors", start, start + hours)

    def drop(self):
        start = first_hour(self.requests > 0, self.start)
        if start is None:
            return None
        hours = self.hours(48, 120) if self.kind == "human" else self.hours(24, 96)
        self.requests[start:start + hours] = 0
        return Incident("drop", start, start + hours)

    def wake(self):
        hours = self.hours(1, 24)
        total = round(log_uniform(self.rng, 20, 2000))
        self.requests[self.start:self.start + hours] += self.rng.multinomial(total, [1 / hours] * hours)
        return Incident("wake", self.start, self.start + hours)

    def level(self):
        self.requests[self.start:] = np.rint(self.requests[self.start:] * log_uniform(self.rng, 2.5, 5))
        return Incident("level", self.start, self.start + WEEK)


def errors_of(rng, requests, bad):
    usual = log_normal(rng, .015, 1, .0005, .15)
    rho = rng.uniform(.005, .05)
    share = rng.beta(usual * (1 - rho) / rho, (1 - usual) * (1 - rho) / rho, HOURS)
    share[rng.integers(0, HOURS, rng.poisson(WEEKS / 8))] = min(3 * usual, .3)  # single bad hours: no incident
    if bad:
        share[bad[0]:bad[1]] = bad[2]
    return rng.binomial(requests.astype(np.int64), share).astype(float)


def make_key(seed, number, platform):
    rng = np.random.default_rng([seed, number])
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    draft = MAKERS[kind](rng, platform)
    maker, incident = IncidentMaker(rng, kind, draft), None
    if rng.random() < (.5 if kind == "dormant" else .35):
        incident = maker.make()
    requests = draft.requests
    requests[platform.outage:platform.outage + 2] = 0
    return Key(kind, requests, errors_of(rng, requests, maker.error_share), incident)


def make_keys(seed, keys):
    """Keys 1 to `keys` of a seed, one after the other."""
    platform = Platform(seed)
    for number in range(1, keys + 1):
        yield make_key(seed, number, platform)


def csv_rows(series, key):
    """One key as lines of a labelled file: every hour, without the header."""
    labels = [""] * HOURS
    if key.incident:
        end = min(key.incident.end, HOURS)
        labels[key.incident.start:end] = [key.incident.label] * (end - key.incident.start)
    return "".join(f"{series},{hour},{requests:.0f},{errors:.0f},{label}\n"
                   for hour, (requests, errors, label) in enumerate(zip(key.requests.tolist(), key.errors.tolist(), labels)))


CSV_HEADER = "series,hour,requests,errors,label\n"
