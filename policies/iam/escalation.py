"""Known ways from what a principal holds to what it does not: privilege escalation.

The ways are those of Rhino Security Labs ("AWS IAM privilege escalation: methods and mitigation") and of pmapper, with
the services that came later. Each is judged with scope and conditions:

- A role that is passed must give something. Passing itself, or a role of the program that surely holds nothing more,
  is no way up; nor is passing to a service that the path does not use, or that the role does not trust. A wildcard of
  roles, or a role that is not in the program, is one.
- Code of something that exists may be changed where that is named: naming it is naming its role. On whatever there is,
  it is a way up.
- Handing out permissions is one unless a condition names the permissions boundary that the receiver must have, or the
  very policies that may be attached.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

from policies.framework.globs import is_glob, matches, subsumes
from policies.iam.patterns import widest
from policies.iam.scope import condition, limits_resources, names_something, quote
from policies.iam.union import Grant, Principal, Principals, arn_end, trusts

EXACT = ("StringEquals", "StringLike", "ArnEquals", "ArnLike")
_OWNED_POLICY = re.compile(r"arn:[a-z-]+:iam::(\d{12}|\$\{aws:PrincipalAccount\}):policy/.+")
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_ITSELF = re.compile(r"arn:[^:]*:iam::[^:]*:user/([^*?$]*/)?\$\{aws:username\}", re.IGNORECASE)
ROLES, USERS, GROUPS, POLICIES = (f"arn:*:iam::*:{kind}/*" for kind in ("role", "user", "group", "policy"))


class Where(Enum):
    """Where the first action of a path must be allowed for the path to lead anywhere."""

    ANYWHERE = auto()
    """It makes what it works on."""
    UNNAMED = auto()
    """It takes over what exists, on resources that are not named."""
    UNGUARDED = auto()
    """It hands out permissions, and no condition says which."""
    IN_USE = auto()
    """It rewrites policies that someone holds or is limited by."""
    OTHERS = auto()
    """It becomes an identity that holds more."""
    ANYONE = auto()
    """It becomes any identity of a wildcard."""


@dataclass(frozen=True, kw_only=True)
class Path:
    """One way up.

    Args:
        id: A short name.
        what: What one can do, for messages.
        needs: Actions: one of each group.
        where: Where one of the first group must be allowed.
        on: Pattern of the ARNs that the first group is about.
        service: First part of the name of the service that a role is passed to; empty if none is.
        instead: What to write.
    """

    id: str
    what: str
    needs: Sequence[Sequence[str]]
    where: Where = Where.ANYWHERE
    on: str = "*"
    service: str = ""
    instead: str


@dataclass(frozen=True, kw_only=True)
class Way:
    """A path that a principal holds, with the grants it consists of."""

    path: Path
    grants: tuple[Grant, ...]
    because: str

    def __str__(self) -> str:
        """Say what it is, from which documents, and what to write instead."""
        parts = [f"{grant.action} on {quote(grant.pattern)} ({grant.place})" for grant in self.grants]
        because = f" ({self.because})" if self.because else ""
        return f"can {self.path.what}{because}: {' and '.join(parts)}. Instead, {self.path.instead}"


_GUARD = "add StringEquals iam:PermissionsBoundary with the exact ARN of the boundary"
_PASS = (
    "pass only a role of the program that holds nothing more, limit iam:PassedToService to the service that needs it, "
    "or list the role in passableRoles"
)
_NAME = "name the resources, or limit them by aws:ResourceTag"
_OWN = "grant it for one's own user (user/${aws:username}) only"


def _passing(id_: str, what: str, service: str, *needs: Sequence[str]) -> Path:
    return Path(id=id_, what=f"{what} a role that it passes", needs=needs, service=service, instead=_PASS)


def _using(id_: str, what: str, on: str, *actions: str) -> Path:
    return Path(id=id_, what=what, needs=[actions], where=Where.UNNAMED, on=on, instead=_NAME)


_RUN_EC2 = (
    *("ec2:RunInstances", "ec2:RequestSpotInstances", "ec2:RequestSpotFleet", "ec2:CreateFleet"),
    *("ec2:AssociateIamInstanceProfile", "ec2:ReplaceIamInstanceProfileAssociation"),
    *("autoscaling:CreateAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup"),
)
_RUN_LAMBDA = (
    *("lambda:InvokeFunction", "lambda:InvokeAsync", "lambda:CreateEventSourceMapping"),
    *("lambda:AddPermission", "lambda:CreateFunctionUrlConfig", "events:PutTargets"),
)

PATHS = (
    # Permissions are handed out.
    *(
        Path(
            id=f"grant-{kind}",
            what=f"give any permission to a {kind}",
            needs=[actions],
            where=Where.UNGUARDED,
            on=on,
            instead=instead,
        )
        for kind, on, actions, instead in (
            (
                "role",
                ROLES,
                ("iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"),
                f"{_GUARD}, or ArnEquals iam:PolicyARN with exact policies",
            ),
            (
                "user",
                USERS,
                ("iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:PutUserPermissionsBoundary"),
                f"{_GUARD}, or ArnEquals iam:PolicyARN with exact policies",
            ),
            (
                "group",
                GROUPS,
                ("iam:AttachGroupPolicy", "iam:PutGroupPolicy"),
                "attach only exact policies (ArnEquals iam:PolicyARN)",
            ),
        )
    ),
    Path(
        id="permission-set",
        what="give any permission to a permission set",
        needs=[
            (
                "sso:PutInlinePolicyToPermissionSet",
                "sso:AttachManagedPolicyToPermissionSet",
                "sso:AttachCustomerManagedPolicyReferenceToPermissionSet",
            )
        ],
        instead="leave permission sets to the account that manages the organisation's identities",
    ),
    Path(
        id="rewrite-policy",
        what="rewrite a policy that is in use",
        needs=[("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion")],
        where=Where.IN_USE,
        on=POLICIES,
        instead="name policies on a path of their own, which hold neither a boundary nor a policy of this program",
    ),
    Path(
        id="remove-boundary",
        what="take away a permissions boundary",
        needs=[("iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary")],
        instead="leave it out: whoever manages the boundary removes it",
    ),
    # Someone else is impersonated.
    Path(
        id="become-user",
        what="sign in as another user",
        needs=[
            (
                *("iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile"),
                *("iam:CreateServiceSpecificCredential", "iam:ResetServiceSpecificCredential"),
                "iam:UploadSigningCertificate",
            )
        ],
        where=Where.OTHERS,
        on=USERS,
        instead=_OWN,
    ),
    Path(
        id="join-group",
        what="join a group that holds more",
        needs=[("iam:AddUserToGroup",)],
        where=Where.OTHERS,
        on=GROUPS,
        instead="name groups of the program that hold nothing more",
    ),
    Path(
        id="rewrite-trust",
        what="make a role trust it",
        needs=[("iam:UpdateAssumeRolePolicy",)],
        where=Where.OTHERS,
        on=ROLES,
        instead=f"{_GUARD}, or list the role in passableRoles",
    ),
    Path(
        id="assume-any-role",
        what="assume any role that trusts its account",
        needs=[("sts:AssumeRole",)],
        where=Where.ANYONE,
        on=ROLES,
        instead="name the roles, or list the pattern in passableRoles",
    ),
    Path(
        id="rewrite-provider",
        what="sign in through an identity provider of its own",
        needs=[
            (
                *("iam:CreateSAMLProvider", "iam:UpdateSAMLProvider", "iam:CreateOpenIDConnectProvider"),
                "iam:AddClientIDToOpenIDConnectProvider",
            )
        ],
        where=Where.UNNAMED,
        on="arn:*:iam::*:*-provider/*",
        instead="name the provider",
    ),
    # A role is passed to something that runs.
    _passing("ec2", "run an instance as", "ec2", _RUN_EC2),
    _passing("lambda", "run a function as", "lambda", ("lambda:CreateFunction",), _RUN_LAMBDA),
    _passing("lambda-role", "run a function as", "lambda", ("lambda:UpdateFunctionConfiguration",)),
    _passing("glue-endpoint", "run a Glue endpoint as", "glue", ("glue:CreateDevEndpoint",)),
    _passing(
        "glue-job",
        "run a Glue job as",
        "glue",
        ("glue:CreateJob", "glue:UpdateJob"),
        ("glue:StartJobRun", "glue:CreateTrigger"),
    ),
    _passing("glue-session", "run a Glue session as", "glue", ("glue:CreateSession",), ("glue:RunStatement",)),
    _passing(
        "cloudformation",
        "make a stack as",
        "cloudformation",
        (
            *("cloudformation:CreateStack", "cloudformation:UpdateStack", "cloudformation:CreateChangeSet"),
            *("cloudformation:CreateStackSet", "cloudformation:UpdateStackSet"),
        ),
    ),
    _passing(
        "datapipeline",
        "run a pipeline as",
        "datapipeline",
        ("datapipeline:CreatePipeline",),
        ("datapipeline:PutPipelineDefinition",),
        ("datapipeline:ActivatePipeline",),
    ),
    _passing(
        "codebuild",
        "run a build as",
        "codebuild",
        ("codebuild:CreateProject", "codebuild:UpdateProject"),
        ("codebuild:StartBuild", "codebuild:StartBuildBatch"),
    ),
    _passing(
        "codepipeline",
        "run a pipeline as",
        "codepipeline",
        ("codepipeline:CreatePipeline", "codepipeline:UpdatePipeline"),
    ),
    _passing(
        "sagemaker",
        "run a notebook or job as",
        "sagemaker",
        (
            *("sagemaker:CreateNotebookInstance", "sagemaker:CreateTrainingJob", "sagemaker:CreateProcessingJob"),
            *("sagemaker:CreateHyperParameterTuningJob", "sagemaker:CreateAutoMLJob", "sagemaker:CreateAutoMLJobV2"),
            *("sagemaker:CreateModel", "sagemaker:CreatePipeline", "sagemaker:CreateDomain"),
            *("sagemaker:CreateUserProfile", "sagemaker:UpdateUserProfile", "sagemaker:UpdateDomain"),
        ),
    ),
    _passing(
        "ecs",
        "run a task as",
        "ecs-tasks",
        ("ecs:RegisterTaskDefinition",),
        ("ecs:RunTask", "ecs:StartTask", "ecs:CreateService", "ecs:UpdateService"),
    ),
    Path(
        id="ecs-override",
        what="run any task as a role that it passes",
        needs=[("ecs:RunTask", "ecs:StartTask")],
        where=Where.UNNAMED,
        on="arn:*:ecs:*:*:task-definition/*",
        service="ecs-tasks",
        instead=f"name the task definitions, or {_PASS}",
    ),
    _passing("batch", "run a job as", "ecs-tasks", ("batch:RegisterJobDefinition",), ("batch:SubmitJob",)),
    _passing(
        "states",
        "run a state machine as",
        "states",
        ("states:CreateStateMachine", "states:UpdateStateMachine"),
        ("states:StartExecution", "states:StartSyncExecution"),
    ),
    _passing("scheduler", "call any API as", "scheduler", ("scheduler:CreateSchedule", "scheduler:UpdateSchedule")),
    _passing("events", "start targets as", "events", ("events:PutRule",), ("events:PutTargets",)),
    _passing("pipes", "start targets as", "pipes", ("pipes:CreatePipe", "pipes:UpdatePipe")),
    _passing("apprunner", "run a service as", "tasks", ("apprunner:CreateService", "apprunner:UpdateService")),
    _passing(
        "eks-pod",
        "run a pod as",
        "pods",
        ("eks:CreatePodIdentityAssociation", "eks:UpdatePodIdentityAssociation"),
    ),
    _passing("emr", "run a cluster as", "ec2", ("elasticmapreduce:RunJobFlow",)),
    _passing("emr-serverless", "run a job as", "emr-serverless", ("emr-serverless:StartJobRun",)),
    _passing("automation", "run an automation as", "ssm", ("ssm:StartAutomationExecution",)),
    _passing("maintenance", "run commands as", "ssm", ("ssm:RegisterTaskWithMaintenanceWindow",)),
    _passing(
        "agentcore",
        "run code as",
        "bedrock-agentcore",
        ("bedrock-agentcore:CreateCodeInterpreter", "bedrock-agentcore:CreateAgentRuntime"),
        ("bedrock-agentcore:InvokeCodeInterpreter", "bedrock-agentcore:InvokeAgentRuntime"),
    ),
    _passing(
        "identity-pool",
        "sign in through an identity pool as",
        "cognito-identity",
        ("cognito-identity:SetIdentityPoolRoles",),
    ),
    # Something that runs already is taken over.
    _using(
        "lambda-code",
        "run code as the role of any function",
        "arn:*:lambda:*:*:function:*",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
    ),
    _using("glue-update", "log in to any Glue endpoint", "arn:*:glue:*:*:devEndpoint/*", "glue:UpdateDevEndpoint"),
    _using(
        "stack-update",
        "change any stack as the stack's role",
        "arn:*:cloudformation:*:*:stack/*",
        "cloudformation:UpdateStack",
        "cloudformation:ExecuteChangeSet",
    ),
    _using(
        "build",
        "run commands as the role of any build project",
        "arn:*:codebuild:*:*:project/*",
        "codebuild:StartBuild",
        "codebuild:StartBuildBatch",
        "codebuild:UpdateProject",
    ),
    _using(
        "notebook",
        "open any notebook as its role",
        "arn:*:sagemaker:*:*:notebook-instance/*",
        "sagemaker:CreatePresignedNotebookInstanceUrl",
    ),
    _using(
        "notebook-start",
        "run code when any notebook starts",
        "arn:*:sagemaker:*:*:notebook-instance-lifecycle-config/*",
        "sagemaker:UpdateNotebookInstanceLifecycleConfig",
    ),
    _using(
        "state-machine",
        "run steps as the role of any state machine",
        "arn:*:states:*:*:stateMachine:*",
        "states:UpdateStateMachine",
    ),
    _using("ecs-exec", "run commands in any task", "arn:*:ecs:*:*:task/*", "ecs:ExecuteCommand"),
    _using(
        "ssm",
        "run commands on any instance as its role",
        "arn:*:ec2:*:*:instance/*",
        "ssm:SendCommand",
        "ssm:StartSession",
        "ssm:CreateAssociation",
    ),
    _using(
        "ec2-connect",
        "log in to any instance",
        "arn:*:ec2:*:*:instance/*",
        "ec2-instance-connect:SendSSHPublicKey",
        "ec2-instance-connect:SendSerialConsoleSSHPublicKey",
    ),
    _using(
        "emr-step",
        "run steps as the role of any cluster",
        "arn:*:elasticmapreduce:*:*:cluster/*",
        "elasticmapreduce:AddJobFlowSteps",
    ),
)


def ways(principal: Principal, everyone: Principals, passable: Sequence[str], *, closed: bool) -> Iterator[Way]:
    """Every path that a principal holds.

    Args:
        principal: Who.
        everyone: All principals, to know what a role that is passed holds.
        passable: Patterns of ARNs of roles that may be handed out whatever they hold.
        closed: Whether ``everyone`` is the whole stack. If not, nothing is said of a role that is named exactly.
    """
    judge = _Judge(principal, everyone, passable, closed)
    return (way for path in PATHS if (way := judge.way(path)) is not None)


class _Judge:
    """Judges one principal. What its methods return says why a grant leads up; None says that it does not."""

    def __init__(self, principal: Principal, everyone: Principals, passable: Sequence[str], closed: bool) -> None:
        self.principal = principal
        self.everyone = everyone
        self.passable = passable
        self.closed = closed
        self.leads: Mapping[Where, Callable[[Grant], str | None]] = {
            Where.ANYWHERE: lambda _: "",
            Where.UNNAMED: self._unnamed,
            Where.UNGUARDED: self._unguarded,
            Where.IN_USE: self._in_use,
            Where.OTHERS: self._others,
            Where.ANYONE: self._anyone,
        }

    def way(self, path: Path) -> Way | None:
        first, *others = path.needs
        steps = [self._first(first, path.on, self.leads[path.where])]
        steps += [self._first(actions, "*", self.leads[Where.ANYWHERE]) for actions in others]
        if path.service:
            passed = self._first(["iam:PassRole"], ROLES, lambda grant: self._passed(grant, path.service))
            steps.insert(0, passed)
        found = [step for step in steps if step is not None]
        if len(found) < len(steps):
            return None
        because = next((why for _, why in found if why), "")
        return Way(path=path, grants=tuple(grant for grant, _ in found), because=because)

    def _first(self, actions: Sequence[str], on: str, leads: Callable[[Grant], str | None]) -> tuple[Grant, str] | None:
        for action in actions:
            for grant in self.principal.grants(action) if on == "*" else self.principal.reaching(action, on):
                why = leads(grant)
                if why is not None:
                    return grant, why
        return None

    def _unnamed(self, grant: Grant) -> str | None:
        return None if names_something(grant.pattern) or limits_resources(grant.statement) else ""

    def _unguarded(self, grant: Grant) -> str | None:
        return None if _boundary(grant) or _named_policies(grant, "iam:policyarn") else ""

    def _in_use(self, grant: Grant) -> str | None:
        if not names_something(grant.pattern):
            return ""
        if "" in self.principal.elsewhere:
            return "it holds a policy that is not known"
        for end in self._used:
            if grant in self.principal.reaching(grant.action, f"arn:*:iam::*:{end}"):
                return f"{quote(f'arn:aws:iam::*:{end}')} is in use"
        return None

    @cached_property
    def _used(self) -> list[str]:
        """Ends of the ARNs of policies that somebody holds or is limited by, or that a condition relies on."""
        arns = {*self.principal.elsewhere, self.principal.boundary}
        for action in (action for path in PATHS if path.where is Where.UNGUARDED for action in path.needs[0]):
            for grant in self.principal.grants(action):
                arns.update(_boundary(grant), _named_policies(grant, "iam:policyarn"))
        return sorted({*self.everyone.policies, *(end for end in map(arn_end, arns) if end)})

    def _others(self, grant: Grant) -> str | None:
        if _ITSELF.fullmatch(grant.pattern) or _boundary(grant):
            return None
        return self._more(grant.pattern, "")

    def _anyone(self, grant: Grant) -> str | None:
        named = not is_glob(_VARIABLE.sub("", grant.pattern.split(":", 5)[-1]))
        return None if named or limits_resources(grant.statement) or self._listed(grant.pattern) else ""

    def _passed(self, grant: Grant, service: str) -> str | None:
        limit = condition(grant.statement, "iam:passedtoservice", *EXACT)
        if limit and not any(matches(value.lower().split(".")[0], service) for value in limit.values):
            return None
        return self._more(grant.pattern, service)

    def _more(self, pattern: str, service: str) -> str | None:
        """Why whoever a pattern names may hold more; nobody does who is not trusted to a service that is asked for."""
        if self._listed(pattern):
            return None
        if is_glob(widest(pattern)):
            return "a wildcard covers whoever is there"
        named = self.everyone.named(pattern)
        if not named:
            return f"{quote(pattern)} is not in this program, so what it holds is not known" if self.closed else None
        for other in named:
            unreachable = service and other.resource and not trusts(other.resource, service)
            if not unreachable and not self.principal.includes(other):
                return f"{quote(pattern)} holds what this one does not" if self.closed else None
        return None

    def _listed(self, pattern: str) -> bool:
        return any(subsumes(listed, widest(pattern)) for listed in self.passable)


def _boundary(grant: Grant) -> tuple[str, ...]:
    return _named_policies(grant, "iam:permissionsboundary")


def _named_policies(grant: Grant, key: str) -> tuple[str, ...]:
    """Return the policies that a condition names, if it names policies of an account, each exactly."""
    limit = condition(grant.statement, key, *EXACT)
    if limit and all(_OWNED_POLICY.fullmatch(value) and not is_glob(value) for value in limit.values):
        return limit.values
    return ()
