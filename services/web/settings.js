/** What the page tells: pure functions from config.json to addresses, links and client settings. */

import { configMissing } from "/problems.js";

const REQUIRED = ["stack", "region", "mlflowTrackingUri", "mlflowAuth", "artifactRoot", "issuer", "loginUrl", "webClientId"];

/** Checks what config.json must hold, and gives it back. */
export function validConfig(config) {
  const missing = REQUIRED.filter((key) => typeof config?.[key] !== "string" || config[key] === "");
  if (missing.length) throw configMissing(`missing: ${missing.join(", ")}`);
  return config;
}

/** An address that may become a link: HTTPS, or this machine. Anything else, such as `javascript:`, is null. */
export function linkable(address) {
  if (typeof address !== "string" || !URL.canParse(address)) return null;
  const { protocol, hostname } = new URL(address);
  return protocol === "https:" || (protocol === "http:" && hostname === "localhost") ? address : null;
}

/** The console's domain in the partition of a region. */
function consoleOf(region) {
  if (region.startsWith("us-gov-")) return `https://${region}.console.amazonaws-us-gov.com`;
  if (region.startsWith("cn-")) return `https://${region}.console.amazonaws.cn`;
  return `https://${region}.console.aws.amazon.com`;
}

function bucketLink({ region, artifactRoot }) {
  const [, bucket, prefix] = artifactRoot.match(/^s3:\/\/([^/]+)\/?(.*)$/) ?? [];
  if (!bucket) return null;
  const query = new URLSearchParams({ region, prefix: prefix && !prefix.endsWith("/") ? `${prefix}/` : prefix });
  return `${consoleOf(region)}/s3/buckets/${encodeURIComponent(bucket)}?${query}`;
}

/** Links into the AWS console; users of the pool for administrators only, who alone may change them. */
export function consoleLinks(config, admin) {
  const { region, issuer } = config;
  const home = consoleOf(region);
  const at = `region=${encodeURIComponent(region)}`;
  const pool = encodeURIComponent(issuer.split("/").at(-1));
  return [
    { title: "SageMaker Studio", text: "Notebooks and apps", href: `${home}/sagemaker/home?${at}#/studio` },
    { title: "CloudWatch logs", text: "What the services wrote", href: `${home}/cloudwatch/home?${at}#logsV2:log-groups` },
    { title: "S3 bucket", text: "Artifacts of runs and models", href: bucketLink(config) },
    admin && { title: "Cognito users", text: "Invite people, set groups", href: `${home}/cognito/v2/idp/user-pools/${pool}/users?${at}` },
  ].filter((link) => link && linkable(link.href));
}

/** The platform's addresses. */
export function places(config) {
  const { mlflowTrackingUri, mlflowUiUrl, mlflowAuth, apiUrl, aiGatewayUrl, artifactRoot, metaflow } = config;
  return [
    {
      title: "MLflow",
      text: "Tracking server and model registry. Clients use this address; people open its pages.",
      address: mlflowTrackingUri,
      // With basic authentication the browser asks for the password itself; bearer tokens need the pages of their own.
      open: mlflowUiUrl ?? (mlflowAuth === "basic" ? mlflowTrackingUri : null),
      label: "Open MLflow",
    },
    {
      title: "Artifacts",
      text: "Where runs keep files and models. Clients write here directly, with AWS credentials.",
      address: artifactRoot,
      open: bucketLink(config),
      label: "Open bucket",
    },
    apiUrl && { title: "REST API", text: "For programs, with the same login.", address: apiUrl },
    aiGatewayUrl && { title: "AI gateway", text: "Language models behind one address, without keys of your own.", address: aiGatewayUrl },
    metaflow?.METAFLOW_SERVICE_URL && {
      title: "Metaflow",
      text: "Metadata of flows.",
      address: metaflow.METAFLOW_SERVICE_URL,
      open: metaflow.METAFLOW_UI_URL,
      label: "Open Metaflow",
    },
  ].filter(Boolean);
}

const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`);
// A JSON string is a Python string.
const python = (text) => JSON.stringify(text);

/** What a shell runs, by the way in which MLflow asks who one is. */
function shellSnippets({ stack, region, mlflowTrackingUri, mlflowAuth, webUrl }) {
  const addresses = [`export MLFLOW_TRACKING_URI=${shell(mlflowTrackingUri)}`, `export AWS_DEFAULT_REGION=${shell(region)}`];
  if (mlflowAuth !== "cognito")
    return [
      {
        title: "With access to the stack",
        text: "In the platform's repository. Sets addresses, user and password; your AWS role must be able to read the secret.",
        code: `eval "$(make -s env STACK=${shell(stack)} SECRETS=1)"`,
      },
      {
        title: "Without it",
        text: "Your platform team gives you user and password.",
        code: [...addresses, "export MLFLOW_TRACKING_USERNAME=…", "export MLFLOW_TRACKING_PASSWORD=…"].join("\n"),
      },
    ];
  return [
    {
      title: "For this shell",
      text: "In the platform's repository, with access to the stack. Logs you in by the browser, then sets addresses and a token.",
      code: `make login STACK=${shell(stack)}\neval "$(make -s env STACK=${shell(stack)})"`,
    },
    {
      title: "For good",
      text: "In the platform's repository, with this page alone. MLflow then gets a fresh token each time.",
      code: [
        `make login CONFIG=${shell(webUrl ?? location.origin)}`,
        "pip install ./client",
        ...addresses,
        `export MLPLATFORM_STACK=${shell(stack)}`,
        "export MLFLOW_TRACKING_AUTH=mlplatform",
      ].join("\n"),
    },
  ];
}

/** Client settings by tab: each a list of snippets with a title, a sentence and what to copy. */
export function clientSettings(config) {
  const { stack, mlflowTrackingUri, mlflowAuth, aiGatewayUrl, metaflow } = config;
  return [
    { id: "shell", title: "Shell", snippets: shellSnippets(config) },
    {
      id: "python",
      title: "Python",
      snippets: [
        {
          title: "A first run",
          text: `pip install mlflow boto3; ${mlflowAuth === "cognito" ? "the login" : "user and password"} as under Shell.`,
          code: `import mlflow

mlflow.set_tracking_uri(${python(mlflowTrackingUri)})
mlflow.set_experiment("first-steps")
with mlflow.start_run():
    mlflow.log_param("learning_rate", 0.01)
    mlflow.log_metric("accuracy", 0.93)`,
        },
        aiGatewayUrl && {
          title: "The AI gateway",
          text: "The same login; pip install mlflow.",
          code: `from mlflow.deployments import get_deploy_client

gateway = get_deploy_client(${python(aiGatewayUrl)})
print([endpoint.name for endpoint in gateway.list_endpoints()])`,
        },
      ].filter(Boolean),
    },
    metaflow && {
      id: "metaflow",
      title: "Metaflow",
      snippets: [
        {
          title: `~/.metaflowconfig/config_${stack}.json`,
          text: `Then: export METAFLOW_PROFILE=${shell(stack)}`,
          code: JSON.stringify(metaflow, null, 2),
        },
      ],
    },
  ].filter(Boolean);
}
