// Asks the engine for the values of secrets. They live in memory only, for the attempt that named them.
import type { RunnerFrame } from '#schemas/runner-protocol.ts';
import type { AttemptName } from '#schemas/work-order.ts';

export interface SecretAnswer {
  readonly values: Readonly<Record<string, string>>;
  readonly missing: readonly string[];
}

interface Asked {
  readonly frame: RunnerFrame;
  resolve(answer: SecretAnswer): void;
}

export class Secrets {
  readonly #send: (frame: RunnerFrame) => void;
  readonly #asked = new Map<number, Asked>();
  #last = 0;

  constructor(send: (frame: RunnerFrame) => void) {
    this.#send = send;
  }

  ask(name: AttemptName, names: readonly string[]): Promise<SecretAnswer> {
    this.#last += 1;
    const request = this.#last;
    const frame: RunnerFrame = { frame: 'secrets', request, name, names: [...names] };
    return new Promise((resolve) => {
      this.#asked.set(request, { frame, resolve });
      this.#send(frame);
    });
  }

  /** A new engine has never heard what the old one was asked. */
  askAgain(): void {
    for (const { frame } of this.#asked.values()) this.#send(frame);
  }

  answer(answer: SecretAnswer & { readonly request: number }): void {
    const asked = this.#asked.get(answer.request);
    this.#asked.delete(answer.request);
    asked?.resolve({ values: answer.values, missing: answer.missing });
  }
}
