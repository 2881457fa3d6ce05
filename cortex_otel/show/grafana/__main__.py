"""``python -m cortex_otel.show.grafana``: write the committed dashboards and alert rules."""

import sys

from cortex_otel.show.grafana.dashboards import main

sys.exit(main())
