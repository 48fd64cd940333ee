"""Payments by card over seventy weeks, and thieves whose techniques wear out: a generator that knows nothing of any detector.

No bank publishes payments with their times, merchants and labels, so these are made, after the public simulators. From that
of the *Fraud Detection Handbook* (Le Borgne, Siblini, Lebichot and Bontempi, 2022) come customers with habits of their own,
terminals that are compromised for some weeks, and features of habit and of a terminal's frauds, which wait for the labels.
From Sparkov (Harris, 2020): categories of merchant with their own hours, amounts and seasons, thefts in bursts. From PaySim
(Lopez-Rojas, Elmir and Axelsson, 2016) and BankSim (Lopez-Rojas and Axelsson, 2014): agents that act by a script of their own,
and a small share of fraud.

What is ours is the calendar. A technique spreads when it becomes known, and fades as it wears out: shops add a check, a gang
is caught, another technique pays better. When each enters and leaves is drawn from the seed, before any payment is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

SEED = 20240101
START = datetime(2024, 1, 1, tzinfo=UTC)
WEEKS, WARM_UP = 70, 8
_ALL_WEEKS = np.arange(-WARM_UP, WEEKS)
HONEST_A_WEEK, STOLEN_A_WEEK = 7800, 157
NEVER_NOTICED = 0.04
CUSTOMERS, TERMINALS, FAVOURITES = 3000, 1500, 10
COMPROMISED_AT_ONCE, COMPROMISED_WEEKS = 10, 6
LABEL_DAYS, RISK_DAYS = 14, 28
SPREADS_IN_WEEKS, LEFT_OVER = 5.0, 0.5
MINUTE, HOUR, DAY = 60, 3600, 86_400
WEEK = 7 * DAY
_APART = 2 * len(_ALL_WEEKS) * WEEK
COUNTRIES = {
    **{"DE": 0.6, "AT": 0.06, "FR": 0.06, "NL": 0.05, "IT": 0.05},
    **{"PL": 0.04, "GB": 0.05, "US": 0.05, "BR": 0.02, "TH": 0.02},
}
DAYS_OF_THE_WEEK = (0.13, 0.13, 0.135, 0.145, 0.165, 0.17, 0.125)


@dataclass(frozen=True)
class Trade:
    """A category of merchant: its share, a usual amount, its hour of the day, what is sold online, how December changes it."""

    share: float
    amount: float
    hour: float
    online: float
    december: float = 1.1


TRADES = {
    "groceries": Trade(0.27, 28, 15, 0.05),
    "restaurant": Trade(0.13, 32, 18, 0.0),
    "food_delivery": Trade(0.07, 24, 19, 1.0),
    "fuel": Trade(0.09, 52, 14, 0.0, 1.0),
    "transport": Trade(0.08, 14, 11, 0.5, 1.0),
    "clothing": Trade(0.08, 58, 15, 0.6, 1.5),
    "electronics": Trade(0.04, 140, 16, 0.6, 1.9),
    "home": Trade(0.06, 66, 14, 0.4),
    "pharmacy": Trade(0.06, 19, 13, 0.2),
    "travel": Trade(0.03, 210, 17, 0.9, 1.0),
    "digital_goods": Trade(0.06, 9, 20, 1.0, 1.2),
    "gift_cards": Trade(0.01, 45, 16, 0.7, 2.5),
    "jewellery": Trade(0.01, 160, 15, 0.3, 2.2),
    "money_transfer": Trade(0.01, 150, 13, 0.9),
}


@dataclass(frozen=True)
class Technique:
    """How some thieves use cards: from and until when, in weeks, how much of it there is, and what its payments look like.

    An attack makes `burst` payments on average, `gap` minutes apart. `amount` is a median in EUR and the spread of its
    logarithm, `hour` the middle of the attacks and their spread, `device` how many days the thief's device may have been
    known, where one is used. At a `compromised` terminal the category and the country are the terminal's own.
    """

    name: str
    enters: float
    leaves: float
    weight: float
    burst: float
    gap: float
    categories: tuple[str, ...]
    channel: str
    countries: tuple[str, ...]
    amount: tuple[float, float]
    hour: tuple[float, float]
    device: float | None = None
    compromised: bool = False


_BEFORE, _AFTER = -100.0, 200.0
_FAR = ("US", "BR", "TH")
TECHNIQUES = (
    Technique("card testing", _BEFORE, 50, 1.1, 3, 4, ("digital_goods",), "online", ("US", "GB"), (2.2, 0.4), (3, 2), 0.5),
    Technique("copied stripe", _BEFORE, 42, 1.0, 2, 40, ("electronics", "jewellery"), "magstripe", _FAR, (310, 0.4), (20, 3)),
    Technique("drop", _BEFORE, 58, 1.1, 2, 25, ("clothing", "electronics"), "online", ("DE", "GB"), (260, 0.4), (1, 2), 1),
    Technique("terminal", _BEFORE, _AFTER, 1.4, 2, 90, (), "chip", (), (60, 0.6), (16, 4), compromised=True),
    Technique("gift cards", 34, _AFTER, 0.6, 3, 15, ("gift_cards",), "online", ("DE", "NL"), (75, 0.3), (14, 3), 120),
    Technique("wallet", 42, _AFTER, 0.6, 3, 12, ("groceries", "pharmacy"), "wallet", ("DE",), (46, 0.06), (17, 3), 2),
    Technique("travel", 50, _AFTER, 0.6, 2, 60, ("travel", "transport"), "online", ("IT", "FR"), (330, 0.3), (9, 2), 60),
    Technique("transfer", 58, _AFTER, 0.6, 3, 8, ("money_transfer",), "online", ("PL", "NL"), (95, 0.15), (12, 2), 200),
)


def payments(seed: int = SEED) -> pd.DataFrame:
    """Every payment of seventy weeks, oldest first: what is known when it is made, if it was fraud, and when that is known.

    The same seed gives the same table. No column but `fraud` and `known` holds anything learned after the payment:
    `terminal_frauds` counts the frauds of the four weeks that ended when their labels were surely known.
    """
    rng = np.random.default_rng(seed)
    terminals = _terminals(rng)
    customers = _customers(rng, terminals)
    made = pd.concat([_honest(rng, customers, terminals), _stolen(rng, customers, terminals)], ignore_index=True)
    made = made[made["at"] < WEEKS * WEEK].sort_values(["at", "card"], kind="stable", ignore_index=True)
    made["fraud"] = made["fraud"].where(rng.random(len(made)) >= NEVER_NOTICED, 0)
    made = made.assign(**remembered(made))
    # What is copied at a terminal is the card that it reads; an internet shop reads none.
    made["terminal_frauds"] = made["terminal_frauds"].where(made["channel"] != "online")
    return _delivered(made[made["at"] >= 0].reset_index(drop=True), rng)


def shares_of_techniques(rng: Generator) -> NDArray[np.float64]:
    """What share of a week's fraud is whose, shape (weeks, techniques): each spreads and wears out over some weeks.

    The first `WARM_UP` of the weeks lie before the history: a card's habits are older than its first payment in it.
    """
    week = _ALL_WEEKS[:, None]
    enters = np.array([one.enters for one in TECHNIQUES]) + rng.normal(0, 1, len(TECHNIQUES))
    leaves = np.array([one.leaves for one in TECHNIQUES]) + rng.normal(0, 1, len(TECHNIQUES))
    weight = np.array([one.weight for one in TECHNIQUES])
    amount = weight * _rising(week - enters) * (LEFT_OVER + (1 - LEFT_OVER) * _rising(leaves - week))
    return np.asarray(amount / amount.sum(axis=1, keepdims=True))


def _rising(weeks: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-weeks / SPREADS_IN_WEEKS))


def _terminals(rng: Generator) -> pd.DataFrame:
    trades = pd.DataFrame([vars(trade) for trade in TRADES.values()], index=list(TRADES))
    category = rng.choice(trades.index.to_numpy(), TERMINALS, p=trades["share"] / trades["share"].sum())
    country = rng.choice(list(COUNTRIES), TERMINALS, p=list(COUNTRIES.values()))
    online = rng.random(TERMINALS) < trades["online"].loc[category].to_numpy()
    visits = rng.lognormal(0, 0.7, TERMINALS) * np.where(country == "DE", 1.0, np.where(online, 0.3, 0.03))
    own = trades.loc[category].reset_index(drop=True)
    return own.assign(category=category, country=country, online=online, visits=visits / visits.sum())


def _customers(rng: Generator, terminals: pd.DataFrame) -> pd.DataFrame:
    """Everybody pays more or less often and more or less, mostly at ten terminals, the first of them most."""
    return pd.DataFrame(
        {
            "often": (often := rng.gamma(2.0, 1.0, CUSTOMERS)) / often.sum(),
            "spends": rng.lognormal(0, 0.35, CUSTOMERS),
            "device_lasts": rng.uniform(250, 900, CUSTOMERS),
            "device_begun": rng.uniform(0, 900, CUSTOMERS),
            "favourites": list(rng.choice(TERMINALS, (CUSTOMERS, FAVOURITES), p=terminals["visits"])),
        }
    )


def _honest(rng: Generator, customers: pd.DataFrame, terminals: pd.DataFrame) -> pd.DataFrame:
    week = np.repeat(_ALL_WEEKS, rng.poisson(HONEST_A_WEEK * _season(_ALL_WEEKS)))
    card = rng.choice(CUSTOMERS, len(week), p=customers["often"])
    terminal = _visited(rng, customers, terminals, card)
    again = rng.random(len(week)) < _december(week) * (terminals["december"].to_numpy()[terminal] - 1)
    week, terminal = np.append(week, week[again]), np.append(terminal, terminal[again])
    card = np.append(card, rng.choice(CUSTOMERS, int(again.sum()), p=customers["often"]))
    shop, payer = terminals.iloc[terminal].reset_index(drop=True), customers.iloc[card].reset_index(drop=True)
    hour = rng.normal(shop["hour"], 3.5) % 24
    at = week * WEEK + rng.choice(7, len(week), p=DAYS_OF_THE_WEEK) * DAY + hour * HOUR
    dearer = 1 + 0.03 * week / 52
    amount = rng.lognormal(np.log(shop["amount"] * payer["spends"] * dearer), 0.55)
    channel = _channel(rng, shop["online"].to_numpy(), amount, week)
    age = (at / DAY + payer["device_begun"]) % payer["device_lasts"]
    # Now and then a device is borrowed, or cleaned of everything that identifies it.
    age = np.where(rng.random(len(week)) < 0.02, rng.uniform(0, 2, len(week)), age)
    return _rows(Payments(at, card, terminal, amount, channel, age), terminals, fraud=0)


def _visited(rng: Generator, customers: pd.DataFrame, terminals: pd.DataFrame, card: NDArray[np.intp]) -> NDArray[np.intp]:
    likes = 1 / np.arange(1, FAVOURITES + 1)
    rank = rng.choice(FAVOURITES, len(card), p=likes / likes.sum())
    favourite = np.stack(customers["favourites"].to_list())[card, rank]
    other = rng.choice(TERMINALS, len(card), p=terminals["visits"])
    return np.where(rng.random(len(card)) < 0.8, favourite, other)


def _season(week: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.asarray(1 - 0.06 * np.cos(2 * np.pi * (week % 52) / 52))


def _december(week: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-(((week % 52 - 49.0) / 2.5) ** 2)))


def _channel(
    rng: Generator, online: NDArray[np.bool_], amount: NDArray[np.float64], week: NDArray[np.intp]
) -> NDArray[np.str_]:
    """How it is paid in a shop; the wallet in the telephone takes a little from the card every week, as it does everywhere."""
    chance = rng.random(len(week))
    wallet = 0.08 + 0.08 * week / WEEKS
    contactless = np.where(amount < 50, 0.6, 0.1)
    until = np.cumsum([np.full(len(week), 0.012), wallet, contactless], axis=0)
    shop = np.select(list(chance < until), ["magstripe", "wallet", "contactless"], "chip")
    return np.where(online, "online", shop)


def _stolen(rng: Generator, customers: pd.DataFrame, terminals: pd.DataFrame) -> pd.DataFrame:
    volume = STOLEN_A_WEEK * shares_of_techniques(rng) * rng.lognormal(0, 0.1, (len(_ALL_WEEKS), 1))
    visits = terminals["visits"].where(~terminals["online"], 0)
    spells = len(_ALL_WEEKS) // COMPROMISED_WEEKS + 1
    compromised = rng.choice(TERMINALS, (spells, COMPROMISED_AT_ONCE), p=visits / visits.sum())
    victims = Victims(customers, terminals, compromised)
    attacks = [
        _attacks(rng, one, rng.poisson(volume[:, number] / one.burst), victims) for number, one in enumerate(TECHNIQUES)
    ]
    return pd.concat(attacks, ignore_index=True)


@dataclass(frozen=True)
class Victims:
    """Who and where attacks befall: customers, terminals, and which terminals are compromised in which spell."""

    customers: pd.DataFrame
    terminals: pd.DataFrame
    compromised: NDArray[np.intp]


def _attacks(rng: Generator, how: Technique, counts: NDArray[np.intp], victims: Victims) -> pd.DataFrame:
    """All that is stolen by one technique, given the number of attacks in each week."""
    customers, terminals, compromised = victims.customers, victims.terminals, victims.compromised
    week = np.repeat(_ALL_WEEKS, counts)
    hour = rng.normal(how.hour[0], how.hour[1], len(week)) % 24
    begins = week * WEEK + rng.integers(0, 7, len(week)) * DAY + hour * HOUR
    victim = rng.choice(CUSTOMERS, len(week), p=customers["often"])
    attack = np.repeat(np.arange(len(week)), 1 + rng.poisson(how.burst - 1, len(week)))
    wait = pd.Series(rng.exponential(how.gap * MINUTE, len(attack))).groupby(attack).cumsum().to_numpy()
    if how.compromised:
        terminal = compromised[(week + WARM_UP) // COMPROMISED_WEEKS, rng.integers(0, COMPROMISED_AT_ONCE, len(week))][attack]
    else:
        terminal = rng.choice(_usable(how, terminals), len(attack))
    amount = rng.lognormal(np.log(how.amount[0]), how.amount[1], len(attack))
    age = rng.uniform(0, how.device or 0, len(attack))
    channel = np.full(len(attack), how.channel)
    stolen = Payments(begins[attack] + wait, victim[attack], terminal, amount, channel, age)
    return _rows(stolen, terminals, fraud=1)


def _usable(how: Technique, terminals: pd.DataFrame) -> NDArray[np.intp]:
    """The terminals of its categories, sold as it needs them, in its countries; anywhere, if it has none there."""
    sold = terminals["category"].isin(how.categories) & (terminals["online"] == (how.channel == "online"))
    in_country = sold & terminals["country"].isin(how.countries)
    return np.flatnonzero(in_country if in_country.any() else sold)


@dataclass(frozen=True)
class Payments:
    """N payments, column by column, each of shape (n,): seconds, card, terminal, amount, channel, days since the device."""

    at: NDArray[np.float64]
    card: NDArray[np.intp]
    terminal: NDArray[np.intp]
    amount: NDArray[np.float64]
    channel: NDArray[np.str_]
    device_days: NDArray[np.float64]


def _rows(made: Payments, terminals: pd.DataFrame, fraud: int) -> pd.DataFrame:
    shop = terminals.iloc[made.terminal]
    return pd.DataFrame(
        {
            "at": np.floor(made.at).astype("int64"),
            "card": made.card,
            "terminal": made.terminal,
            "amount": np.maximum(made.amount, 0.5).round(2),
            "category": shop["category"].to_numpy(),
            "country": shop["country"].to_numpy(),
            "channel": made.channel,
            "device_days": np.where(np.isin(made.channel, ("online", "wallet")), made.device_days, np.nan).round(1),
            "fraud": fraud,
        }
    )


def remembered(made: pd.DataFrame) -> dict[str, pd.Series]:
    """What was known of the card and of the terminal when each payment was made, the payment itself left out.

    `made` has a row a payment, in any order, with `at` in seconds, `card`, `terminal`, `amount` and `fraud`. A habit is
    missing where the card did nothing. A fraud counts at its terminal from two weeks on, when it is surely known.
    """
    own = made.sort_values(["card", "at"], kind="stable")
    at, place = own["at"].to_numpy(), np.arange(len(own))
    # Cards stand far apart on one line, so that no window reaches into another card's payments.
    line = own["card"].to_numpy() * _APART + at
    day, week = (place - np.searchsorted(line, line - back) for back in (DAY, WEEK))
    spent = np.append(0.0, own["amount"].cumsum())
    with np.errstate(invalid="ignore"):
        mean = (spent[place] - spent[place - week]) / week
    habits = {
        "minutes_since_last": (own.groupby("card")["at"].diff() / MINUTE).round(1),
        "mean_amount_7d": pd.Series(mean.round(2), index=own.index),
        "payments_24h": pd.Series(day, index=own.index),
        "payments_here": _payments_here(own),
    }
    known = {name: values.sort_index() for name, values in habits.items()}
    return known | {"terminal_frauds": pd.Series(_terminal_frauds(made), index=made.index)}


def _payments_here(own: pd.DataFrame) -> pd.Series:
    """The card's payments at the same terminal in the four weeks before."""
    pairs = own.sort_values(["card", "terminal", "at"], kind="stable")
    line = (pairs["card"] * TERMINALS + pairs["terminal"]).to_numpy() * _APART + pairs["at"].to_numpy()
    return pd.Series(np.arange(len(line)) - np.searchsorted(line, line - 4 * WEEK), index=pairs.index)


def _terminal_frauds(made: pd.DataFrame) -> NDArray[np.intp]:
    """Frauds at the terminal in the four weeks that ended two weeks ago, by whole days: the newest that are surely known."""
    day = (made["at"] // DAY).to_numpy() + WARM_UP * 7
    stolen, before = (made["fraud"] == 1).to_numpy(), RISK_DAYS + LABEL_DAYS
    counts = np.zeros((TERMINALS, len(_ALL_WEEKS) * 7 + before + 1), dtype="int64")
    np.add.at(counts, (made["terminal"][stolen], day[stolen] + before + 1), 1)
    total = counts.cumsum(axis=1)
    terminal = made["terminal"].to_numpy()
    return np.asarray(total[terminal, day + RISK_DAYS] - total[terminal, day])


def _delivered(made: pd.DataFrame, rng: Generator) -> pd.DataFrame:
    """The columns of a delivery. A fraud is known once the victim has complained; that there was none, after two weeks."""
    time = pd.Series(pd.to_datetime(START) + pd.to_timedelta(made["at"], unit="s")).astype("datetime64[ms, UTC]")
    complained = np.clip(rng.gamma(2.0, 2.5, len(made)), 0.5, LABEL_DAYS)
    days = np.where(made["fraud"] == 1, complained, LABEL_DAYS)
    return pd.DataFrame(
        {
            "payment": "P" + pd.Series(np.arange(len(made))).astype(str).str.zfill(7),
            "time": time,
            **{name: made[name] for name in ("amount", "category", "country", "channel")},
            "hour": time.dt.hour.astype("int8"),
            "weekday": time.dt.weekday.astype("int8"),
            **{name: made[name] for name in HABITS},
            "fraud": made["fraud"].astype("int8"),
            "known": (time + pd.to_timedelta((days * DAY).astype("int64"), unit="s")).astype("datetime64[ms, UTC]"),
        }
    )


HABITS = ("device_days", "minutes_since_last", "mean_amount_7d", "payments_24h", "payments_here", "terminal_frauds")
