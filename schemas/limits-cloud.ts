// Bounds of what runs on machines that come and go: signing, objects, jobs, queues, functions, and the walk between them.
import { DAY, HOUR, KIB, MIB, MINUTE, SECOND } from './spans.ts';

export const cloudLimits = {
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
  /** Bytes of such an archive that may be on their way to the disk. */
  archiveWriteAhead: 16 * MIB,
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
