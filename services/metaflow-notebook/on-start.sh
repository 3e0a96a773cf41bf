#!/bin/bash
# Runs as root each time the notebook instance starts; what is outside /home/ec2-user/SageMaker is new each time.
# @NAMES@ are filled in by lib/notebook.py.
set -euo pipefail

owner=ec2-user
home=/home/$owner
install -d -o "$owner" -g "$owner" -m 0700 "$home/.metaflowconfig"
base64 -d > "$home/.metaflowconfig/config.json" <<'CONFIG'
@CONFIG@
CONFIG
chown "$owner:$owner" "$home/.metaflowconfig/config.json"
chmod 0600 "$home/.metaflowconfig/config.json"

# SageMaker ends scripts after five minutes, so the packages come in the background; its log says how it went.
sudo -u "$owner" -i nohup bash -c '
  source "$HOME/anaconda3/bin/activate" python3 &&
  python -m pip install --quiet --disable-pip-version-check "metaflow==@METAFLOW_VERSION@" boto3
' > /var/log/metaflow-install.log 2>&1 &

install -d -m 0755 /opt/metaflow
base64 -d > /opt/metaflow/idle_stop.py <<'PROGRAM'
@IDLE_STOP@
PROGRAM
cat > /etc/systemd/system/metaflow-idle-stop.service <<'UNIT'
[Unit]
Description=Stops this notebook instance when nobody works on it
[Service]
Type=oneshot
ExecStart=/home/ec2-user/anaconda3/envs/python3/bin/python /opt/metaflow/idle_stop.py --minutes @IDLE_MINUTES@
UNIT
cat > /etc/systemd/system/metaflow-idle-stop.timer <<'UNIT'
[Unit]
Description=Looks every five minutes whether anybody works on this notebook instance
[Timer]
OnBootSec=10min
OnUnitActiveSec=5min
[Install]
WantedBy=timers.target
UNIT
systemctl daemon-reload
systemctl enable --now metaflow-idle-stop.timer
