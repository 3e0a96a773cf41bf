"""What is wrong with the notebook account, by rule and logical name; all else in it is as it should be."""

FAULTS = (
    ("CP06", "shared"),  # a notebook with a way of its own to the internet
    ("CP09", "people"),  # no second factor
    ("CP09", "portal"),  # guests
    ("DP07", "lab"),  # a key that never rotates
    ("LP01", "scientists"),  # s3:* …
    ("LP02", "scientists"),  # … on everything, …
    ("LP07", "scientists"),  # … data and …
    ("LP08", "scientists"),  # … permissions included
    ("LP09", "work"),  # AmazonSageMakerFullAccess
    ("LP10", "ada"),  # a user with a key
    ("LP11", "partner"),  # an account that is on no list
    ("LP13", "results"),  # a bucket for everyone to read
    ("NW02", "lab"),  # a VPC without flow log
    ("OP03", "data"),  # data that a changed program may delete
    ("PB04", "boundary"),  # a boundary that lets roles write its next version …
    ("PB08", "boundary"),  # … and take over people's passwords and second factors
)

ADVICE = (
    ("CT02", "results"),  # nothing in it ever goes
    ("CT03", ""),  # no budget
)
