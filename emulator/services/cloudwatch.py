"""Amazon CloudWatch."""

from typing import Any

from moto.cloudwatch.responses import CloudWatchResponse

from emulator.registry import adds


@adds("cloudwatch", "PutCompositeAlarm", on=CloudWatchResponse)
def put_composite_alarm(self: Any) -> Any:  # noqa: D103
    # moto's metric alarms understand an alarm rule already; only the operation's name is missing.
    return self.put_metric_alarm()
