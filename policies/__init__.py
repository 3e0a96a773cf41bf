"""Policy packs that judge any Pulumi program on AWS, and the code they share."""
