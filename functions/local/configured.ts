// What the configurations of runs hold encoded: known to this process only, and read from their files again where it is not.
import { PREFIX } from '#core/layers/overrides.ts';
import type { AttemptDesk } from '#ports/jobs.ts';
import { limits } from '#schemas/limits.ts';
import type { RunStart } from '#schemas/run-start.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import type { DecodedByPlan, StartRequest } from '#service/control.ts';
import { refOf } from '#service/desk.ts';
import { hold } from '#service/load-run.ts';
import type { Service } from '#service/service.ts';

type Values = { readonly [name: string]: string };

export class Configured {
  readonly #plans = new Map<string, Values>();

  /** Remembers what came with a request; the same plan with other values is a configuration that was changed meanwhile. */
  take(request: StartRequest): void {
    if (!('decoded' in request) || request.decoded === undefined) return;
    for (const [plan, values] of Object.entries<DecodedByPlan[string]>(request.decoded))
      this.#keep(plan, values);
  }

  /**
   * Values for an attempt: of these names those that its configuration holds, the others from the desk. What a configuration does not
   * hold any more may have been set like other secrets.
   */
  async secrets(
    { service, desk }: { readonly service: Service; readonly desk: Pick<AttemptDesk, 'secrets'> },
    attempt: AttemptName,
    names: readonly string[],
  ): ReturnType<AttemptDesk['secrets']> {
    const held = names.some((name) => name.startsWith(PREFIX))
      ? await this.#valuesOf(service, attempt)
      : {};
    const isHeld = (name: string): boolean => Object.hasOwn(held, name);
    const { values, missing } = await desk.secrets(
      attempt,
      names.filter((name) => !isHeld(name)),
    );
    const own = names.filter(isHeld).map((name) => [name, held[name] ?? '']);
    return { values: { ...values, ...Object.fromEntries(own) }, missing };
  }

  async #valuesOf(service: Service, attempt: AttemptName): Promise<Values> {
    const { start } = (await hold(service, refOf(attempt))).memory;
    const known = this.#plans.get(start.plan);
    if (known !== undefined) return known;
    const values = await readAgain(start);
    this.#keep(start.plan, values);
    return values;
  }

  #keep(plan: string, values: Values): void {
    this.#plans.delete(plan);
    this.#plans.set(plan, values);
    const [oldest] = this.#plans.keys();
    if (this.#plans.size > limits.configurationsHeld && oldest !== undefined)
      this.#plans.delete(oldest);
  }
}

/** A run that goes on in another process has only its file. */
async function readAgain({ file, folder }: RunStart): Promise<Values> {
  if (file === undefined) return {};
  const { compilePipeline } = await import('./pipeline-files.ts');
  try {
    const compiled = compilePipeline(file, { cwd: folder ?? '/' });
    const { decoded } = compiled.ok ? compiled.main.compiled : compiled;
    return Object.fromEntries(decoded ?? []);
  } catch {
    // The file is gone: what it held is missing, which the attempt says.
    return {};
  }
}
