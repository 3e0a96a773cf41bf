#!/bin/sh
# Renders nginx.conf from the environment and becomes NGINX; `entrypoint.sh health` is the container's health check.
set -eu

NGINX_PORT="${NGINX_PORT:-80}"
MLFLOW_UPSTREAM="${MLFLOW_UPSTREAM:-127.0.0.1:5000}"
# HTTP APIs cap a request at 10 MB. Artifacts go to S3 and never pass here, and the largest call of the tracking API is 1 MB.
NGINX_CLIENT_MAX_BODY_SIZE="${NGINX_CLIENT_MAX_BODY_SIZE:-10m}"
# One second less than the 30 s after which an HTTP API gives up: the client gets our 504, and the log has it.
NGINX_PROXY_READ_TIMEOUT="${NGINX_PROXY_READ_TIMEOUT:-29s}"
NGINX_CORS_PREFLIGHT="${NGINX_CORS_PREFLIGHT:-off}"
MLFLOW_AUTH_TYPE="${MLFLOW_AUTH_TYPE:-basic}"
MLFLOW_HTPASSWD_FILE="${MLFLOW_HTPASSWD_FILE:-/run/mlflow/htpasswd}"
MLFLOW_AUTHORISER="${MLFLOW_AUTHORISER:-127.0.0.1:5002}"
NGINX_RUN_DIR="${NGINX_RUN_DIR:-/tmp/nginx}"
NGINX_TEMPLATES="${NGINX_TEMPLATES:-/etc/nginx}"

fail() {
    echo "entrypoint.sh: $*" >&2
    exit 78
}

# check NAME VALUE PATTERN WAY-OUT: the whole value must match the extended regular expression.
check() {
    newline='
'
    case "$2" in *"$newline"*) fail "$1 holds a line break: $4" ;; esac
    printf '%s\n' "$2" | grep -Eq "^($3)\$" || fail "$1 is '$2': $4"
}

check NGINX_PORT "$NGINX_PORT" '[1-9][0-9]{0,4}' 'give a port'

if [ "${1:-}" = health ]; then
    url="http://127.0.0.1:$NGINX_PORT/elb-status"
    if command -v curl >/dev/null 2>&1; then
        exec curl -fsS -m 4 -o /dev/null "$url"
    fi
    exec wget -q -T 4 -O /dev/null "$url"
fi

check MLFLOW_UPSTREAM "$MLFLOW_UPSTREAM" '[A-Za-z0-9.-]+:[1-9][0-9]{0,4}' 'give ADDRESS:PORT'
check NGINX_CLIENT_MAX_BODY_SIZE "$NGINX_CLIENT_MAX_BODY_SIZE" '[1-9][0-9]*[kKmM]?' 'give a size as in 10m'
check NGINX_PROXY_READ_TIMEOUT "$NGINX_PROXY_READ_TIMEOUT" '[1-9][0-9]*(s|m)' 'give a time as in 29s'
check NGINX_CORS_PREFLIGHT "$NGINX_CORS_PREFLIGHT" 'on|off' 'give on or off'
check MLFLOW_HTPASSWD_FILE "$MLFLOW_HTPASSWD_FILE" '/[A-Za-z0-9._/-]+' 'give an absolute path without blanks'
check MLFLOW_AUTH_TYPE "$MLFLOW_AUTH_TYPE" 'basic|cognito' 'give basic or cognito'
check MLFLOW_AUTHORISER "$MLFLOW_AUTHORISER" '[A-Za-z0-9.-]+:[1-9][0-9]{0,4}' 'give ADDRESS:PORT'
check NGINX_RUN_DIR "$NGINX_RUN_DIR" '/[A-Za-z0-9._/-]+' 'give an absolute path without blanks'

if [ "$MLFLOW_AUTH_TYPE" = basic ]; then
    [ -s "$MLFLOW_HTPASSWD_FILE" ] ||
        fail "the password file $MLFLOW_HTPASSWD_FILE is missing or empty: the container that runs 'prepare' writes" \
            "it, share its volume and start after it"
    [ -r "$MLFLOW_HTPASSWD_FILE" ] ||
        fail "user $(id -u) may not read $MLFLOW_HTPASSWD_FILE: run all containers of the task as the same user"
fi

umask 077
mkdir -p "$NGINX_RUN_DIR" || fail "cannot write $NGINX_RUN_DIR: mount a volume there that user $(id -u) may write"
# render TEMPLATE FILE. The values are checked above: none holds a character that sed would take for something else.
render() {
    sed -e "s|@NGINX_PORT@|$NGINX_PORT|g" \
        -e "s|@MLFLOW_UPSTREAM@|$MLFLOW_UPSTREAM|g" \
        -e "s|@NGINX_CLIENT_MAX_BODY_SIZE@|$NGINX_CLIENT_MAX_BODY_SIZE|g" \
        -e "s|@NGINX_PROXY_READ_TIMEOUT@|$NGINX_PROXY_READ_TIMEOUT|g" \
        -e "s|@NGINX_CORS_PREFLIGHT@|$NGINX_CORS_PREFLIGHT|g" \
        -e "s|@MLFLOW_HTPASSWD_FILE@|$MLFLOW_HTPASSWD_FILE|g" \
        -e "s|@MLFLOW_AUTHORISER@|$MLFLOW_AUTHORISER|g" \
        -e "s|@RUN_DIR@|$NGINX_RUN_DIR|g" \
        "$NGINX_TEMPLATES/$1.template" >"$NGINX_RUN_DIR/$2"
}
render nginx.conf nginx.conf
render "auth-$MLFLOW_AUTH_TYPE.conf" auth.conf

# exec: NGINX takes this process, and with it the signals of the container.
exec nginx -e stderr -c "$NGINX_RUN_DIR/nginx.conf"
