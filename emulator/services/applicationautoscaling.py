"""Application Auto Scaling."""

import json
from collections.abc import Callable
from typing import Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

from emulator.registry import adds, corrects, records


def _tags(self: Any, arn: str) -> dict[str, str]:
    return records(self.applicationautoscaling_backend, "tags").setdefault(arn, {})


@corrects("application-autoscaling", "RegisterScalableTarget", "drops the tags", on=ApplicationAutoScalingResponse)
def register_scalable_target(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    answer = original(self)
    _tags(self, json.loads(answer)["ScalableTargetARN"]).update(self._get_param("Tags") or {})
    return answer


@adds("application-autoscaling", "ListTagsForResource", on=ApplicationAutoScalingResponse)
def list_tags_for_resource(self: Any) -> str:  # noqa: D103
    return json.dumps({"Tags": _tags(self, self._get_param("ResourceARN"))})


@adds("application-autoscaling", "TagResource", on=ApplicationAutoScalingResponse)
def tag_resource(self: Any) -> str:  # noqa: D103
    _tags(self, self._get_param("ResourceARN")).update(self._get_param("Tags"))
    return "{}"


@adds("application-autoscaling", "UntagResource", on=ApplicationAutoScalingResponse)
def untag_resource(self: Any) -> str:  # noqa: D103
    for key in self._get_param("TagKeys"):
        _tags(self, self._get_param("ResourceARN")).pop(key, None)
    return "{}"
