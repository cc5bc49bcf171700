// Who may import whom, and which libraries. The tsconfig references and the lint patterns are held to this table.

type Row = {
  /** The folder's own `#name`. */
  readonly name: string;
  /** Folders it may import, by `#name`. */
  readonly folders: readonly string[];
  /** Packages it may import; `node:` stands for all of Node's own. */
  readonly libraries: readonly string[];
  /** Only types come from elsewhere. */
  readonly typesOnly?: true;
  /** Prefixes it may not import although their folder is allowed. */
  readonly not?: readonly string[];
};

const everything = [
  ...['schemas', 'errors', 'core', 'ports', 'service', 'runner', 'http'],
  ...['embedded', 'shared'],
];

export const importTable: Readonly<Record<string, Row>> = {
  schemas: { name: 'schemas', folders: [], libraries: ['zod'] },
  'functions/errors': { name: 'errors', folders: ['schemas'], libraries: [] },
  'functions/core': {
    name: 'core',
    folders: ['schemas', 'errors'],
    libraries: ['jsep', 're2js', 'yaml', '@noble/hashes', 'croner'],
  },
  'functions/ports': { name: 'ports', folders: ['schemas'], libraries: ['node:'], typesOnly: true },
  'functions/service': {
    name: 'service',
    folders: ['schemas', 'errors', 'core', 'ports'],
    libraries: [],
  },
  'functions/runner': {
    name: 'runner',
    folders: ['schemas', 'errors', 'core'],
    libraries: [
      ...['node:', '@duckdb/node-api', 'smol-toml', 'tar'],
      ...['@aws-sdk/credential-provider-node', '@smithy/signature-v4'],
    ],
    not: ['#core/compile/', '#core/timetable'],
  },
  'functions/http': {
    name: 'http',
    folders: ['schemas', 'errors', 'service'],
    libraries: ['hono'],
  },
  // What both adapters have in common, whatever they stand on.
  'functions/adapters/shared': {
    name: 'shared',
    folders: ['schemas', 'errors', 'ports'],
    libraries: ['node:'],
  },
  'functions/adapters/embedded': {
    name: 'embedded',
    folders: ['schemas', 'errors', 'ports', 'shared'],
    libraries: ['node:'],
  },
  'functions/adapters/aws': {
    name: 'aws',
    folders: ['schemas', 'errors', 'ports', 'shared'],
    libraries: [
      'node:',
      '@aws-sdk/client-batch',
      '@aws-sdk/client-dynamodb',
      '@aws-sdk/client-kms',
      '@aws-sdk/client-lambda',
      '@aws-sdk/client-s3',
      '@aws-sdk/client-secrets-manager',
      '@aws-sdk/client-sfn',
      '@aws-sdk/client-sqs',
      '@aws-sdk/s3-request-presigner',
    ],
  },
  'functions/handlers': {
    name: 'handlers',
    folders: ['schemas', 'errors', 'ports', 'service', 'http', 'aws', 'shared'],
    libraries: ['node:', '@middy/core'],
  },
  'batch-images': {
    name: 'batch',
    folders: ['schemas', 'errors', 'core', 'runner'],
    libraries: ['node:'],
  },
  'functions/local': {
    name: 'local',
    folders: everything,
    libraries: ['node:', 'hono', '@hono/node-server'],
  },
  'functions/cli': {
    name: 'cli',
    folders: [...everything, 'local'],
    libraries: [
      ...['node:', 'commander', 'get-east-asian-width', 'log-update', 'picocolors'],
      ...['@aws-sdk/credential-provider-node', '@smithy/signature-v4'],
    ],
  },
  infra: {
    name: 'infra',
    folders: ['schemas'],
    libraries: ['node:', 'aws-cdk-lib', 'constructs', 'cdk-nag'],
  },
};

/** Within the core and the runner a library belongs to the folder that hides it. */
export const homeOfLibrary: Readonly<Record<string, string>> = {
  jsep: 'functions/core/expression/',
  re2js: 'functions/core/expression/',
  yaml: 'functions/core/compile/',
  '@noble/hashes': 'functions/core/digest',
  croner: 'functions/core/timetable',
  '@duckdb/node-api': 'functions/runner/sql/',
  'smol-toml': 'functions/runner/environments/',
  tar: 'functions/runner/environments/',
};
