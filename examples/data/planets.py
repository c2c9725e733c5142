"""Reads planets.csv for csv_host.cpp: the file's own knowledge of its columns, in a script that can be changed
without a compiler."""
import csv
import statistics
from dataclasses import dataclass


@dataclass
class Planet:
    name: str
    mass: float  # 1e24 kg
    diameter: int  # km
    day: float  # hours
    moons: int
    rings: bool
    note: "str | None"


def read(path):
    with open(path, newline="") as file:
        return [
            Planet(
                name=row["name"],
                mass=float(row["mass_1e24_kg"]),
                diameter=int(row["diameter_km"]),
                day=float(row["day_hours"]),
                moons=int(row["moons"]),
                rings={"yes": True, "no": False}[row["rings"]],
                note=row["note"] or None,
            )
            for row in csv.DictReader(file)
        ]


def summary(values):
    return {"mean": statistics.fmean(values), "median": statistics.median(values)}
