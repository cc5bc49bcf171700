// Tells the default bus how jobs of the played Batch ended, as the service tells its own: at least once each, in no order anybody may rely on.
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { localBatchSource } from '#schemas/aws.ts';
import type { JobDetail } from './batch-job.ts';
import { emulated } from './emulated.ts';

const AT_ONCE = 10;

export interface JobEvents {
  tell(detail: JobDetail): void;
  /** Resolves when all that was told has been taken in. */
  told(): Promise<void>;
  close(): Promise<void>;
}

/** What nobody hears. */
export const silence: JobEvents = {
  tell: () => {},
  told: async () => {},
  close: async () => {},
};

export class BusEvents implements JobEvents {
  readonly #client: EventBridgeClient;
  readonly #waiting: JobDetail[] = [];
  #sending: Promise<void> | undefined;
  /** Why events were refused; empty as long as all is well. */
  readonly refused: string[] = [];

  constructor(endpoint: string) {
    this.#client = new EventBridgeClient(emulated(endpoint));
  }

  tell(detail: JobDetail): void {
    this.#waiting.push(detail);
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  async told(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  async close(): Promise<void> {
    this.#waiting.length = 0;
    await this.told();
    this.#client.destroy();
  }

  async #send(): Promise<void> {
    // What is told in the same moment goes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const Entries = this.#waiting.splice(0, AT_ONCE).map((detail) => ({
        Source: localBatchSource,
        DetailType: 'Batch Job State Change',
        Resources: [detail.jobArn],
        Detail: JSON.stringify(detail),
      }));
      try {
        const answer = await this.#client.send(new PutEventsCommand({ Entries }));
        // What is refused is an answer, not an error.
        if (answer.FailedEntryCount !== 0) this.refused.push(JSON.stringify(answer.Entries));
      } catch (error) {
        this.refused.push(String(error));
      }
    }
  }
}
