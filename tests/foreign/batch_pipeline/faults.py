"""What is wrong with the nightly pipeline, by rule and logical name; all else in it is as it should be."""

FAULTS = (
    ("CP03", "features"),  # a privileged job
    ("CP04", "machines"),  # IMDSv1
    ("CP08", "nightly"),  # a state machine without logs and traces
    ("CT01", "nightly"),  # 512 vCPUs in a development stack
    ("DP06", "events"),  # a bucket that may become public
    ("DP10", "notify"),  # a token in an environment
    ("LP03", "flow"),  # any role to pass …
    ("LP04", "flow"),  # … to any service …
    ("LP06", "flow"),  # … with which a job of one's own choice becomes anyone
    ("LP09", "machines"),  # AWS's own policy, wider than what the machines do
    ("LP12", "start"),  # a trust that any account's rule may use
    ("LP14", "notify"),  # a function that any rule may call
    ("LP15", "job"),  # a document that is unknown until the buckets exist
)

ADVICE = (("CT03", ""),)  # no budget
