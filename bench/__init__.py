"""The benchmarks. Importing this package sets Django up for a place of their own, so that its modules may import what they measure.

That place is a folder inside THREESLOT_VAR, with wake-ups that are nobody else's; `places.own_servers` opens it.
"""

import os

import django

from backoffice import embedded

RESULTS = embedded.var_folder() / "bench.json"

os.environ |= {
    "THREESLOT_VAR": str(embedded.var_folder() / "bench"),
    "DJANGO_SETTINGS_MODULE": "backoffice.settings",
    "LOG_LEVEL": "ERROR",
}
os.environ.pop("REDIS_URL", None)
django.setup()
