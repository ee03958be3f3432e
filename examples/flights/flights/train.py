"""A model of the delay: minutes that a departure waits, by airport, hour and weather.

The model is to be the same bytes whenever it is made of the same rows, so that nothing that reads it is made again for
nothing: one thread (sums of floats depend on how they are split), fixed seeds, rows in a fixed order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import joblib
import numpy
import pyarrow
import pyarrow.compute as pc
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.inspection import permutation_importance
from sklearn.metrics import mean_absolute_error, r2_score
from threadpoolctl import threadpool_limits

AIRPORTS = ("EWR", "JFK", "LGA")
FEATURES = {
    "airport": "Airport",
    "hour": "Hour of the day",
    "temp": "Temperature",
    "wind_speed": "Wind",
    "precip": "Rain or snow",
    "visib": "Visibility",
    "pressure": "Air pressure",
}

Array = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]


def fit(daily_delays: pyarrow.Table, params: Mapping[str, object], output: Path) -> None:
    """Fits the model to all days but the last ones, which `score` tries it on."""
    known, _ = split(daily_delays, params)
    model = HistGradientBoostingRegressor(
        loss="poisson", max_iter=100, learning_rate=0.05, max_leaf_nodes=6, min_samples_leaf=100, random_state=0
    )
    with threadpool_limits(1):
        model.fit(features(known), delays(known), sample_weight=weights(known))
    joblib.dump(model, output)


def score(model: Path, daily_delays: pyarrow.Table, params: Mapping[str, object], output: Path) -> None:
    """Compares the model with a guess that knows no weather, on the days that the model has not seen."""
    known, unseen = split(daily_delays, params)
    fitted = joblib.load(model)
    truth, weight, guess = delays(unseen), weights(unseen), usual(known, unseen)
    with threadpool_limits(1):
        forecast = fitted.predict(features(unseen))
        importance = permutation_importance(
            fitted, features(unseen), truth, sample_weight=weight, n_repeats=10, random_state=0, n_jobs=1
        ).importances_mean
    result = {
        "days_known": pc.count_distinct(known["day"]).as_py(),
        "days_unseen": pc.count_distinct(unseen["day"]).as_py(),
        "flights_unseen": int(weight.sum()),
        "error_minutes": round(mean_absolute_error(truth, forecast, sample_weight=weight), 2),
        "error_minutes_without_weather": round(mean_absolute_error(truth, guess, sample_weight=weight), 2),
        "r2": round(r2_score(truth, forecast, sample_weight=weight), 3),
        "r2_without_weather": round(r2_score(truth, guess, sample_weight=weight), 3),
        "importance": {name: round(float(value), 4) for name, value in zip(FEATURES.values(), importance, strict=True)},
    }
    output.write_text(json.dumps(result, indent=2) + "\n")


def split(table: pyarrow.Table, params: Mapping[str, object]) -> tuple[pyarrow.Table, pyarrow.Table]:
    """The hours to learn from and the hours to be tried on: a forecast may not know the days after it."""
    flown = table.filter(pc.field("flights") > pc.field("cancelled"))
    ordered = flown.sort_by([("day", "ascending"), ("origin", "ascending"), ("hour", "ascending")])
    last_known = pc.max(ordered["day"]).as_py() - timedelta(days=int(str(params["holdout_days"])))
    return ordered.filter(pc.field("day") <= last_known), ordered.filter(pc.field("day") > last_known)


def features(table: pyarrow.Table) -> Array:
    """One row an hour, one column a feature; an unknown value is NaN."""
    airport = pc.index_in(table["origin"], pyarrow.array(AIRPORTS))
    columns = [airport if name == "airport" else table[name] for name in FEATURES]
    return numpy.column_stack([column.cast(pyarrow.float64()).to_numpy() for column in columns])


def delays(table: pyarrow.Table) -> Array:
    """The mean delay of an hour's departures, in minutes."""
    minutes = numpy.asarray(table["delay_minutes"].to_numpy(), dtype=numpy.float64)
    return minutes / weights(table)


def weights(table: pyarrow.Table) -> Array:
    """How many departures an hour had: each counts the same."""
    flown = pc.subtract(table["flights"], table["cancelled"])
    return numpy.asarray(flown.to_numpy(), dtype=numpy.float64)


def usual(known: pyarrow.Table, unseen: pyarrow.Table) -> Array:
    """The guess without weather: the mean delay of that airport at that hour, over the days that are known."""
    totals: dict[tuple[str, int], tuple[float, float]] = {}
    keys = zip(known["origin"].to_pylist(), known["hour"].to_pylist(), strict=True)
    for key, delay, weight in zip(keys, delays(known), weights(known), strict=True):
        minutes, flights = totals.get(key, (0.0, 0.0))
        totals[key] = (minutes + delay * weight, flights + weight)
    overall = sum(minutes for minutes, _ in totals.values()) / sum(flights for _, flights in totals.values())
    asked = zip(unseen["origin"].to_pylist(), unseen["hour"].to_pylist(), strict=True)
    return numpy.array([totals[key][0] / totals[key][1] if key in totals else overall for key in asked])
