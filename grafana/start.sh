#!/bin/sh
# Prepares what Grafana reads at its start, then starts it: `start.sh /run.sh` in the container.
#
# Rule models take no variables, and a contact point without a URL stops Grafana. So the files are
# copied, thresholds are written into the copy, and Slack is there only if it was asked for.
# Password and secret key are made once and kept with Grafana's data: neither is in an image, an
# environment or a log.
set -eu

from=${CORTEX_GRAFANA:-/etc/cortex-grafana}
to=${CORTEX_PROVISIONING:-/tmp/cortex-provisioning}
data=${GF_PATHS_DATA:-/var/lib/grafana}

rules=$from/provisioning/alerting/rules.yaml

number() { # NAME: the variable's value, if it is a plain number; else what the rules have
    value=$(eval "printf %s \"\${$1:-}\"")
    [ -n "$value" ] || value=$(sed -n "s/.*\[\([0-9.]*\)\] # $1$/\1/p" "$rules")
    case $value in
    '' | . | *[!0-9.]* | *.*.*)
        echo "cortex-otel: $1 is no number" >&2
        exit 2
        ;;
    esac
    printf %s "$value"
}

kept() { # FILE: a secret of 32 random hex digits, made once
    if [ ! -s "$1" ]; then
        (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$1.new" && mv "$1.new" "$1")
    fi
    cat "$1"
}

error_rate=$(number CORTEX_OTEL_ALERT_ERROR_RATE)
response_ms=$(number CORTEX_OTEL_ALERT_RESPONSE_MS)
silence_minutes=$(number CORTEX_OTEL_ALERT_SILENCE_MINUTES)
case $error_rate in
0 | 0.* | .* | 1 | 1.0) ;;
*)
    echo "cortex-otel: CORTEX_OTEL_ALERT_ERROR_RATE is a share, 0 to 1" >&2
    exit 2
    ;;
esac

case ${CORTEX_OTEL_LANG:-} in # as everywhere else: Korean, or English
[kK][oO]*) CORTEX_DASHBOARDS=$from/dashboards/ko ;;
*) CORTEX_DASHBOARDS=$from/dashboards/en ;;
esac
GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH=$CORTEX_DASHBOARDS/cortex-home.json
export CORTEX_DASHBOARDS GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH

rm -rf "$to"
mkdir -p "$to"
cp -R "$from/provisioning/." "$to/"
rules=$to/alerting/rules.yaml
sed -e "s/\[[0-9.]*\] # CORTEX_OTEL_ALERT_ERROR_RATE$/[$error_rate]/" \
    -e "s/\[[0-9.]*\] # CORTEX_OTEL_ALERT_RESPONSE_MS$/[$response_ms]/" \
    -e "s/\[[0-9.]*\] # CORTEX_OTEL_ALERT_SILENCE_MINUTES$/[$silence_minutes]/" \
    "$rules" >"$rules.new"
if [ -z "${CORTEX_OTEL_SLACK_WEBHOOK_URL:-}" ] && [ -n "${CORTEX_OTEL_SLACK_WEBHOOK:-}" ]; then
    echo "cortex-otel: CORTEX_OTEL_SLACK_WEBHOOK is the old name of CORTEX_OTEL_SLACK_WEBHOOK_URL: rename it" >&2
    export CORTEX_OTEL_SLACK_WEBHOOK_URL="$CORTEX_OTEL_SLACK_WEBHOOK"
fi
if [ -n "${CORTEX_OTEL_SLACK_WEBHOOK_URL:-}" ]; then
    sed -e 's/ # only with Slack$//' "$rules.new" >"$rules"
else
    grep -v ' # only with Slack$' "$rules.new" >"$rules"
    rm "$to/alerting/contact-points.yaml"
fi
rm "$rules.new"

GF_SECURITY_ADMIN_PASSWORD=${GRAFANA_ADMIN_PASSWORD:-$(kept "$data/admin-password")}
GF_SECURITY_SECRET_KEY=$(kept "$data/secret-key")
GF_PATHS_PROVISIONING=$to
export GF_SECURITY_ADMIN_PASSWORD GF_SECURITY_SECRET_KEY GF_PATHS_PROVISIONING
exec "$@"
