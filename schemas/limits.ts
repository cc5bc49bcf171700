// Every bound of the system, by name and with its unit. A loop, queue, payload or retry that has no name here is a defect.

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

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
  /** Bytes that a signer takes: what the narrowest of them signs as it is. */
  signedBytes: 4 * KIB,
  /** Keys of one signer, those included that only prove what was signed before. */
  signingKeys: 8,
  /** Milliseconds a process goes on signing with the same session token, and how much longer the tokens it signs may hold at least. */
  session: HOUR,
  sessionTokens: 2 * DAY,
  /** Characters of an attempt token. */
  tokenLength: 4 * KIB,
  /** Bytes of one part of an object that is put as a stream, and how many parts one object may have. */
  objectPartBytes: 16 * MIB,
  objectParts: 10_000,
  /** Bytes of an object that is put in one request. */
  objectPutBytes: 5 * 1024 * MIB,
  /** Tries of a write to a store on AWS when what stands in its way comes and goes meanwhile. */
  storeTries: 5,
  /** Longest time an address that was signed for one object holds. */
  presigned: 7 * DAY,
  /** Objects whose addresses a job asks for at once. */
  presignedAtOnce: 200,
  /** Bytes of lines of a log that a job sends at once, and milliseconds between two sendings. */
  logPartBytes: MIB,
  logPartInterval: 5 * SECOND,
  /** Milliseconds between two heartbeats of a job, and after how many without one it counts as gone and must have ended itself. */
  jobHeartbeat: 30 * SECOND,
  jobLease: 3 * MINUTE,
  /** Bytes of what a job says at once, and milliseconds that an address to read or write an object by is good for. */
  jobRequestBytes: 4 * MIB,
  jobAddress: HOUR,
  /** Milliseconds after which a job asks again for a lease that another one has. */
  leaseAgain: 5 * SECOND,
  /** Bytes (JSON) of outputs and steps that are kept with an attempt; more of them are an object. Of outputs that the walk is told of: it reads more of them where they are kept. */
  attemptBytes: 8 * KIB,
  toldBytes: 512,
  /** Milliseconds after which no line of a log with an earlier time is expected any more, where jobs send theirs, and between two looks for new ones. */
  logPartSettle: 10 * SECOND,
  logPartLook: 2 * SECOND,
  /** Parts of one attempt's log; what is sent beyond them is passed over, but for the last one. */
  logParts: 200_000,
  /** Bytes of parts of logs that one process remembers, and attempts whose parts it knows. */
  logPartsRemembered: 16 * MIB,
  logAttemptsRemembered: 10_000,
  /** Milliseconds one call of a job may take, before the second try of one, and what that grows to. */
  jobCall: 30 * SECOND,
  jobRetryDelay: 250,
  jobRetryMaxDelay: 10 * SECOND,
  /** Milliseconds a job tries to reach those it works for before it gives up. */
  jobReach: 5 * MINUTE,
  /** Milliseconds between TERM and KILL that a job is given, and how many of them it keeps for its report. */
  jobStopWindow: 30 * SECOND,
  jobStopReserve: 10 * SECOND,
  /** Objects a job fetches or puts at once, milliseconds in which some byte of each must move, and tries of each. */
  jobTransfers: 8,
  jobTransferIdle: MINUTE,
  jobTransferTries: 5,
  /** Bytes of its log that a job sends as they come; of what follows only the end. */
  jobLogBytes: 80 * MIB,
  /** Milliseconds before a job looks again whether another one has built what it waits for. */
  archiveLook: 5 * SECOND,
  /** Bytes an archive of an environment or a tree may unpack to. */
  archiveBytes: 64 * 1024 * MIB,
  /** Entries such an archive may have, and times that fetching it is begun again where it broke off. */
  archiveEntries: 1_000_000,
  archiveTries: 5,
  /** Names that are looked at, over all links of such an archive, to see where they lead. */
  archiveLinkSteps: 20_000_000,
  /** Bytes (JSON) of an order that travels with its job; a larger one is an object. */
  orderInlineBytes: 4 * KIB,
  /** Milliseconds a job may take when its node says nothing else, and milliseconds it may wait for a machine. */
  jobTimeout: DAY,
  jobQueued: 7 * DAY,
  /** Milliseconds that a job may take beyond its node's timeout and grace: to fetch what it works with, and to hand over what it made. */
  jobMargin: 15 * MINUTE,
  /** Jobs of one array, and bytes of the orders that one array reads its own from. */
  arrayJobs: 10_000,
  arrayBytes: 4 * MIB,
  /** Messages that a queue takes at once, and bytes of them together. */
  queueBatch: 10,
  queueBatchBytes: 250 * KIB,
  /** Ids of jobs that Batch ends at once, and jobs it lists at once. */
  jobsEnded: 50,
  jobPage: 100,
  /** Nodes of one run whose jobs are looked up one by one; of more, all jobs of the run are. */
  jobLookups: 20,
  /** Pages of jobs that one look-up reads. */
  jobPages: 1_000,
  /** Bytes of what a function is called with. */
  functionCallBytes: 240 * KIB,
  /** Milliseconds a function may take, by its service, and how much longer its end may be on the way. */
  functionTime: 15 * MINUTE,
  functionMargin: 2 * MINUTE,
  /** Jobs submitted in a second by all submitters of an account together; Batch refuses more than 50. */
  submitRate: 45,
  /** Tries of one submission that Batch answers with being asked too fast, before its message waits to be brought again. */
  submitTries: 15,
  /** Milliseconds that one message of an alarm may sleep; a longer alarm sleeps in several. */
  alarmHop: 15 * MINUTE,

  /** Entries of the walker's `Tick`, timed out ones counted, before one execution hands over to the next. */
  ticksPerExecution: 2_000,
  /** Milliseconds a parked tick waits to be woken. */
  tickTimeout: HOUR,
  /** Time-outs of one parked tick before the machine looks whether it should hand over. */
  tickTimeouts: 20,
  /** Calls of the tick's function that fail before the walk ends; the sweep begins a new one. */
  tickFailures: 5,
  /** Calls of it that Lambda takes none of, because too many are under way: they did nothing, and it takes the next one soon. */
  tickRefusals: 30,
  /** Milliseconds of a function's time that a tick leaves for its end. */
  tickReserve: 10 * SECOND,
  /** Live attempts from which on a tick waits for the next outcome before it parks; how long, and milliseconds between two looks. */
  lingerLive: 20,
  linger: 3 * SECOND,
  lingerInterval: 500,
  /** Milliseconds before a tick that failed is followed by another one; where something does not answer four times as many after each further failure, up to the second. */
  tickPause: 500,
  tickPauseMax: 30 * SECOND,
  /** Milliseconds after which a walk that was rung and does nothing counts as dead, and how much longer than a tick's time-out one may sleep. */
  walkSilence: 10 * MINUTE,
  /** Milliseconds between two sweeps; runs whose attempts one sweep looks after, and runs it looks after at once. */
  sweepEvery: 5 * MINUTE,
  sweptRuns: 2_000,
  sweptAtOnce: 16,
  /** Milliseconds after which somebody asks what became of an attempt that nobody has claimed, or whose end stands in its item only. */
  offerSilence: 30 * MINUTE,
  reportSilence: 5 * MINUTE,
  /** Milliseconds the clocks of functions, and the ways of their news, may be apart when a lease is judged. */
  leaseMargin: 30 * SECOND,
  /** Bytes that the walker's machine and a tick tell each other. */
  tickBytes: 2 * KIB,
  /** Highest numbers of a walk, a tick and a retry: together they make one number that never falls. */
  walks: 9_000,
  ticks: 999_999,
  tickRetries: 99_999,
} as const;
