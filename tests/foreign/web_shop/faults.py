"""What is wrong with the web shop, by rule and logical name; all else in it is as it should be."""

FAULTS = (
    ("CP02", "server"),  # runs whatever `latest` is today
    ("DP02", "orders"),  # a database with a public address
    ("DP09", "server"),  # tags of images can be moved
    ("LP02", "execution"),  # every secret of the account …
    ("LP07", "execution"),  # … to read
    ("NW01", "servers"),  # SSH from the world
    ("NW04", "https"),  # TLS 1.0
    ("OP01", "orders"),  # backups of one day
    ("OP04", "server"),  # logs for ever
    ("PB01", "server"),  # a role without boundary
)

ADVICE = (
    ("DP08", "session-key"),  # nothing rotates it
    ("NW06", "shop"),  # a load balancer without access log and web ACL
)
