// Every bound of the system, by name and with its unit. A loop, queue, payload or retry that has no name here is a defect.
import { cloudLimits } from './limits-cloud.ts';
import { DAY, HOUR, KIB, MIB, MINUTE, SECOND } from './spans.ts';

export const limits = {
  /** Bytes of one pipeline file. */
  sourceBytes: 16 * MIB,
  /** Nodes of one plan, those that the compiler adds included. */
  planNodes: 200_000,
  /** Groups of one plan. */
  planGroups: 10_000,
  /** Problems reported for one source; the rest are counted. */
  problems: 200,
  /** Expansions of YAML aliases inside what other aliases name, in one file. */
  yamlAliases: 100,
  /** Values of a YAML file, aliases expanded. */
  yamlValues: 4_000_000,
  /** Nesting of a YAML file. */
  yamlDepth: 64,
  /** Files that are merged into one configuration. */
  layers: 200,
  /** Variables of the environment that set values of a configuration. */
  overrides: 1_000,
  /** Interpolations that lead to one another, and that stand inside one another. */
  interpolationDepth: 50,
  /** Characters that interpolation may make of one configuration. */
  interpolationLength: 16 * MIB,
  /** Plans whose encoded values an engine keeps in memory; those of others are read from their files again. */
  configurationsHeld: 1_000,
  /** Visits of nodes by the check that the sources of bindings have completed; what is left is found out in the run. */
  flowVisits: 5_000_000,
  /** Inputs a pipeline may declare. */
  pipelineInputs: 500,
  /** Steps of one node. */
  nodeSteps: 500,
  /** Characters of one query, and queries for `outputs` of one node. */
  sqlLength: 100_000,
  sqlOutputs: 100,
  /** Bytes a query may put aside on disk when its memory is used up; never more than nine tenths of what is free. */
  sqlSpillBytes: 64 * 1024 * MIB,
  /** Characters of an id. */
  idLength: 128,

  /** Characters of one expression or condition. */
  expressionLength: 10_000,
  /** Nesting of one expression. */
  expressionDepth: 64,
  /** Operations one evaluation may use; a comparison, a call or an element visited counts one. */
  expressionOperations: 100_000,
  /** Characters a text made by an expression may have. */
  expressionTextLength: 1_000_000,
  /** Characters of a regular expression. */
  patternLength: 1_000,

  /** Bytes (JSON) of one value kept inline; a larger one is kept by reference. */
  inlineValueBytes: 32 * KIB,
  /** Bytes of a list by reference that `forEach`, `len` and an index may read. */
  listBytes: 16 * MIB,
  /** Bytes (JSON) of all outputs of one attempt, by-reference values counted by their reference. */
  outputsBytes: 256 * KIB,
  /** Bytes of the file a program writes its outputs to. */
  outputsFileBytes: 16 * MIB,
  /** Outputs of one attempt. */
  outputsCount: 1_000,
  /** Bytes (JSON) of an external event's payload. */
  payloadBytes: 32 * KIB,
  /** External events of one run, kept with their idempotency keys. */
  externalEvents: 10_000,
  /** Characters of a message kept with an attempt or fact. */
  messageLength: 4_000,
  /** Warnings kept with a run, or with what was prepared for it. */
  warnings: 100,

  /** Runs inside runs: how deep pipelines may run other pipelines. */
  subRunDepth: 8,
  /** Files of pipelines that one pipeline may run, however far down. */
  subPipelines: 1_000,
  /** Runs whose events one stream merges: a run and those below it. */
  mergedRuns: 1_000,
  /** Instances of one forEach node. */
  instances: 50_000,
  /** Entries (nodes or instances) of one chunk of a run's state. */
  chunkEntries: 64,
  /** Outcomes and external events one advance consumes. */
  advanceOutcomes: 40,
  /** Nodes or instances one advance starts. */
  advanceStarts: 500,
  /** Entries one advance may change. */
  advanceChanges: 2_000,
  /** Conditions that one fact is passed on to; the rest follow in facts of their own. */
  factEdges: 500,
  /** Items of one transaction on a table that bounds them. */
  transactItems: 96,
  /** Failed advances in a row before the run is halted. */
  failedAdvances: 5,
  /** Advances in a row that failed because something they need did not answer, before the run is halted all the same. */
  unansweredAdvances: 60,
  /** Attempts of one node that may end interrupted before it fails. */
  interruptions: 5,
  /** Attempts of one node that `retry` may ask for. */
  retryAttempts: 100,
  /** Nodes whose outputs one process remembers of a run. */
  rememberedOutputs: 20_000,
  /** Runs that are not under way which one process remembers besides those that are. */
  rememberedRuns: 32,
  /** Plans that one process keeps linked; a run under way keeps its own. */
  rememberedPlans: 64,
  /** Times an advance begins again in one call before it leaves the rest to the next one. */
  advanceRounds: 10_000,
  /** Conflicts in a row before an advance gives up and is rung again. */
  advanceConflicts: 50,

  /** Milliseconds a run may take when nothing else is said. */
  runTimeout: 7 * DAY,
  /** Milliseconds from a run's start after which a table that forgets may forget it; longer than any run. */
  runKept: 400 * DAY,
  /** Longest duration that can be written, milliseconds. */
  longestDuration: 366 * DAY,
  /** Milliseconds between TERM and KILL when nothing else is said. */
  stopGrace: 10 * SECOND,
  /** Milliseconds the walker waits beyond a node's timeout or grace before it decides alone. */
  backstop: 30 * SECOND,
  /** Milliseconds of the first retry's delay when nothing else is said. */
  retryDelay: SECOND,
  /** Milliseconds a retry's delay grows to when nothing else is said. */
  retryMaxDelay: 5 * MINUTE,

  /** Milliseconds between two heartbeats of the runner. */
  heartbeat: 2 * SECOND,
  /** Milliseconds without a changed heartbeat after which a runner counts as gone. */
  lease: 15 * SECOND,
  /** Reports or claims that are handed to the service at once. */
  reportBatch: 1_000,
  /** Milliseconds before the service is told again what it could not take; grows to the second. */
  deskRetry: 100,
  deskRetryMax: 5 * SECOND,
  /** Milliseconds a runner may take from its start to its greeting. */
  runnerStart: 20 * SECOND,
  /** Milliseconds to wait for the end of a runner that has nothing left to do. */
  runnerFarewell: SECOND,
  /** Calls of handlers in the engine's own process at once. */
  handlerCalls: 256,
  /** Bytes of what runners print before it is begun anew. */
  runnerLogBytes: MIB,
  /** Bytes of one frame of the runner protocol. */
  frameBytes: 64 * MIB,
  /** Characters of one log line; the rest of a longer one follows as further lines. */
  logLineLength: 16 * KIB,
  /** Milliseconds between two states of a line of a log that its program draws anew, as a progress bar is. */
  redrawInterval: SECOND,
  /** Bytes of one log segment before it is rotated. */
  logSegmentBytes: 10 * MIB,
  /** Milliseconds after which no line with an earlier time is expected any more. */
  logSettle: 300,
  /** Log segments kept of one attempt; the first and the newest ones stay. */
  logSegments: 10,
  /** The same for operators of a production line, of which all that they print is kept. */
  lineLogSegments: 100,
  /** Older files of a pipeline's log that are kept however young they are. */
  logFiles: 1_000,
  /** Milliseconds to wait for another process that begins a new file of a log. */
  logLockWait: 2 * SECOND,
  /** Bytes of one progress line. */
  progressLine: 1 * KIB,
  /** Orders that an engine leaves waiting with its runner; further ones wait in the engine. */
  runnerWindow: 64,
  /** Programs one runner keeps running at once when resources do not bound them. */
  runnerPrograms: 256,
  /** Characters of what a shell that waits is told; a longer order gets a shell of its own. */
  standbyScript: 32 * KIB,
  /** Orders a runner holds up to which it keeps a shell waiting: with more, starting it would only be in the way. */
  standbyOrders: 2,
  /** Processes of one step where the host can bound them. */
  stepProcesses: 4_096,
  /** Orders a runner holds from which on it is busy: then what it says waits so many milliseconds for company. */
  busyOrders: 8,
  /** Runs that a runner knows to have told what its machine lacks. */
  toldRuns: 1_000,
  frameWait: 2,
  /** Cores of one machine. */
  cores: 4_096,
  /** Graphics processors of one machine. */
  gpus: 1_024,
  /** Programs at once for each core of the machine, when they ask for no resources. */
  programsPerCore: 8,
  /** Orders that may overtake one that waits for room, before all wait behind it. */
  overtakings: 64,
  /** Milliseconds an idle runner waits for a new engine after it lost its own. */
  runnerLinger: 5 * SECOND,
  /** Bytes of a runner's spool before it is written anew: when nothing in it is needed, and always. */
  spoolIdleBytes: 256 * KIB,
  spoolBytes: 8 * MIB,
  /** Milliseconds between two notices of progress about one attempt. */
  noticeInterval: 500,
  /** Milliseconds between two looks for processes that left their group. */
  sweepInterval: SECOND,
  /** Milliseconds between two looks for what programs that failed or were stopped left behind. */
  strayInterval: 25,
  /** Milliseconds a killed process may take to be gone. */
  killWait: 10 * SECOND,
  /** Pipes for outputs of programs that are made at once. */
  pipesMade: 16,
  /** Milliseconds that the pipes of a program may stay open after its process group was killed. */
  pipeWait: 2 * SECOND,
  /** Milliseconds between two looks at a progress file or a log that is followed. */
  tailInterval: 200,
  /** Milliseconds between two looks at the peaks of a program that has just started. */
  firstLook: 50,
  /** Milliseconds between two looks at a process tree. */
  watchInterval: 250,
  /** Milliseconds between two looks at what is used of graphics processors, and how long one may take. */
  gpuInterval: 2 * SECOND,
  gpuWait: 5 * SECOND,
  /** Files a step may hand over. */
  artifactFiles: 1_000,

  /** Milliseconds between two tries to take a lease that another process holds. */
  leaseInterval: 50,
  /** Bytes of a tool's output that are kept in memory. */
  toolOutputBytes: 16 * MIB,
  /** Up to so many files and bytes a tree is copied in one go, with nothing else happening meanwhile. */
  copyAtOnceFiles: 300,
  copyAtOnceBytes: 16 * MIB,
  /** Bytes of the name of a folder that is called as a user calls something. */
  folderName: 200,
  /** Submodules of one repository, and how deep they may lie within one another. */
  submodules: 256,
  submoduleDepth: 8,
  /** Files of a working tree that count for its digest. */
  workingTreeFiles: 100_000,
  /** Milliseconds a git command may take. */
  gitTimeout: 10 * MINUTE,
  /** Milliseconds a build of an environment may take. */
  environmentTimeout: HOUR,
  /** Milliseconds in which the size of a built environment is found. */
  measureTimeout: 10 * MINUTE,
  /** Environments that one process builds at once: for each core, and at least; and repositories that it fetches from at once. */
  buildsPerCore: 1,
  buildsAtLeast: 2,
  fetchesAtOnce: 8,
  /** Bytes that built environments may take when nothing else is said, before those not used for longest go. */
  environmentCacheBytes: 50 * 1024 * MIB,
  /** Milliseconds that an environment which was prepared is kept for the program that will run in it. */
  environmentKept: HOUR,
  /** Times a program finds its environment, and finds it taken away before it could begin. */
  environmentTurns: 3,
  /** Bytes of a failed build's log that its message shows. */
  buildLogTail: 4 * KIB,

  /** Items of one page of a listing. */
  page: 1_000,
  /** Bytes of one page of items; it holds at least one, and its cursor tells that more follow. */
  pageBytes: 4 * MIB,
  /** Bytes of the two keys of an item, and of one item as DynamoDB stores it. */
  partitionKeyBytes: 2 * KIB,
  sortKeyBytes: KIB,
  itemBytes: 400 * KIB,
  /** Bytes of one transaction on DynamoDB. */
  transactBytes: 4 * MIB,
  /** Calls and transactions of one table that an advance makes at once. */
  callsAtOnce: 32,
  transactionsAtOnce: 4,
  /** Keys of one reading of many items from DynamoDB, and such readings at once. */
  batchKeys: 100,
  batchesAtOnce: 4,
  /** Bytes up to which an item costs one write unit: what is larger is packed, but for texts up to these bytes, which conditions may compare. */
  plainItemBytes: KIB,
  plainTextBytes: 2 * KIB,
  /** Bytes of a structure from which on packing it is worth its while, and bytes a packed one may unpack to. */
  packedBytes: 256,
  unpackedBytes: 64 * MIB,
  /** Tries of one call to AWS, milliseconds before the second one, and what that grows to. */
  awsTries: 8,
  awsRetryDelay: 25,
  awsRetryMaxDelay: 2 * SECOND,
  /** Milliseconds to wait for a connection to AWS, and for an answer. */
  awsConnect: 2 * SECOND,
  awsAnswer: 10 * SECOND,
  /** Milliseconds after which a waiting alarm looks at the clock again. */
  alarmNap: MINUTE,
  /** Milliseconds a command waits for the lock of a data directory before it says who holds it. */
  lockWait: 500,
  /** Bytes of the path of a Unix socket, by the smallest of the systems we run on. */
  socketPathBytes: 103,
  /** Bytes of a data directory's path; SQLite takes no longer one. */
  dataDirectoryBytes: 480,
  /** Bytes of the key of an object. */
  objectKeyBytes: 900,
  /** Milliseconds a write waits for another process that is writing. */
  databaseBusy: 5 * SECOND,
  /** Pages (4 KiB) of the write-ahead log before it is brought into the database file. */
  walPages: 4_000,
  /** Bytes of a request to the engine's socket. */
  requestBytes: 32 * MIB,
  /** Connections of clients to an engine at once; further ones are closed at once. */
  clients: 1_000,
  /** Milliseconds a client may neither ask nor read, before its connection is closed; longer than a question may wait. */
  clientSilence: MINUTE,
  /** Milliseconds without work and clients after which an engine that nobody watches ends. */
  engineIdle: 10 * SECOND,
  /** Bytes of what an engine that nobody watches prints, before it is begun anew. */
  engineLogBytes: MIB,
  /** Milliseconds a command waits for an engine that is starting, ending or handing over. */
  engineWait: 15 * SECOND,
  /** Characters of a cursor; one into the logs names every attempt that was read. */
  cursorLength: 512 * KIB,
  /** Milliseconds a question may wait for something to come. */
  pollWait: 30 * SECOND,
  /** The same where a gateway gives up sooner, milliseconds between two looks there, which are paid for, and bytes of an answer that it lets through. */
  gatewayWait: 25 * SECOND,
  gatewayLook: SECOND,
  gatewayBytes: 5 * MIB,
  /** Bytes that an answer of a server may unpack to. */
  answerBytes: 64 * MIB,
  /** Bytes from which on what goes to another machine is packed. */
  packedRequest: 32 * KIB,
  /** Milliseconds to bring the content of a file that a run shall be given, and such files brought at once. */
  uploadTime: HOUR,
  uploadsAtOnce: 4,
  /** Bytes of a dropped file that becomes an event, and runs that one drop may tell. */
  dropBytes: 512 * MIB,
  dropRuns: 1_000,
  /** Events of a run that its page in HTML looks through. */
  reportEvents: 1_000_000,
  /** Nodes listed on the page of a run, those that failed first; the rest are counted. */
  reportNodes: 1_000,
  /** Failures told on the page of a run, and failed instances of one node. */
  reportFailures: 50,
  /** Slowest instances of one node that the page of a run lists. */
  reportSlowest: 10,
  /** Last log lines of each failure on the page of a run, and characters of one of them. */
  reportLogLines: 50,
  reportLineLength: 2_000,
  /** Characters of one value, and values of one node, on the page of a run. */
  reportValueLength: 4_000,
  reportValues: 100,

  /** Runs or nodes a shell is told while somebody types, and milliseconds it waits for them. */
  completedNames: 200,
  completionWait: 2 * SECOND,

  /** Milliseconds a tool may take to tell its version. */
  doctorTool: 10 * SECOND,
  /** Bytes of the control group that `doctor` tries, and bytes a disk should have free. */
  doctorMemory: 64 * MIB,
  doctorFree: 1024 * MIB,
  /** Commits that `doctor` measures, and milliseconds from which on one is called slow. */
  doctorCommits: 25,
  doctorCommit: 5,

  /** Characters that a secret must have at least: a shorter one could not be hidden in a log. */
  secretLeast: 3,
  /** Bytes of one secret. */
  secretBytes: 64 * KIB,
  /** Secrets of one namespace. */
  secrets: 1_000,
  /** Milliseconds a process may answer with the value of a secret that it read before. */
  secretMemory: 30 * SECOND,
  /** Secrets listed in one answer of a store that bounds them. */
  secretPage: 100,

  ...cloudLimits,
} as const;
