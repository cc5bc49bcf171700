// What reading a dialect leaves for the checks: nodes as they will stand in the plan, with the places of their texts.
import type { Condition, Template } from '#core/expression/types.ts';
import type {
  Environment,
  OperatorSource,
  PlanGroup,
  PlanInput,
  PlanNode,
  Scheduling,
} from '#schemas/plan.ts';
import type { Json } from '#schemas/values.ts';
import type { LogLevel } from '#schemas/work-dir.ts';
import type { MapTree, Place, ScalarTree } from './tree.ts';

export type ConditionUse = 'startWhen' | 'stopWhen' | 'skipWhen';

export type ScalarPlace = Place & { readonly tree: ScalarTree };

/** How a node names the pipeline that it runs. */
export type PipelineReference = { readonly file: string } | { readonly id: string };

/** A node's `pipeline` as it stands in the file. */
export interface PipelineUse {
  readonly place: Place & { readonly tree: MapTree };
  readonly reference: PipelineReference;
}

/** A condition that parsed. */
export interface ConditionText {
  readonly use: ConditionUse;
  readonly place: ScalarPlace;
  readonly condition: Condition;
}

/** A text with `{{ }}` in it. */
export interface Binding {
  readonly place: ScalarPlace;
  readonly template: Template;
  /** Where a secret stays one: `env` and `command`. */
  readonly secrets: boolean;
  /** Whether the node's own inputs are bare names here. */
  readonly own: boolean;
  /** Whether `item` and `index` are there. */
  readonly element: boolean;
}

export interface Draft {
  readonly place: Place;
  /** Built up while it is read; `needs` is set when all names are known. */
  readonly node: PlanNode;
  readonly needs: readonly {
    readonly name: string;
    readonly place: Place;
    /** Why, where the user did not write it so: `operator "a" needs "b"`. */
    readonly because?: string;
  }[];
  readonly conditions: readonly ConditionText[];
  readonly bindings: readonly Binding[];
  /** Names of the node's own inputs. */
  readonly own: ReadonlySet<string>;
  /** Whether all that it does was understood: an executor of a later version is not. */
  readonly complete: boolean;
  /** Whether its label is how the user spells its id. */
  readonly spelled: boolean;
  /** Programs it needs, by index into `Reading.operators`. */
  readonly operators: readonly number[];
  /** The pipeline that it runs. */
  readonly use?: PipelineUse;
}

/** An operator as the plan uses it, once however many steps do. */
export interface PlanOperator {
  /** How it is called: its id, or the last part of its repository's name. `--with` takes this name. */
  readonly name: string;
  /** How the user spells it, where that is no id. */
  readonly label?: string;
  readonly source: OperatorSource;
  readonly environment: Environment;
  readonly place: Place;
}

/** What a production line says of its own surroundings. Never stored: it may hold decoded values. */
export interface ProductionSettings {
  readonly workDir: string;
  readonly scheduling: Scheduling;
  readonly s3: {
    readonly endpoint?: string;
    readonly credentials?: { readonly accessKey: string; readonly secretKey: string };
    readonly region: string;
    readonly bucket?: string;
    readonly pathStyle: boolean;
  };
  readonly log: {
    readonly level: LogLevel;
    readonly path: string;
    /** A size in bytes, minutes of the day, or milliseconds. */
    readonly rotation: Rotation;
    /** Older files, or milliseconds. */
    readonly retention: { readonly files: number } | { readonly milliseconds: number };
  };
}

export type Rotation =
  | { readonly bytes: number }
  | { readonly minuteOfDay: number }
  | { readonly milliseconds: number };

/** All that was read of one source. */
export interface Reading {
  readonly id: string;
  readonly version?: string | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly inputs: Readonly<Record<string, PlanInput>>;
  readonly group: PlanGroup;
  /** Of the pipeline's own `env`. */
  readonly bindings: readonly Binding[];
  /** What a run gives, and the texts in it. */
  readonly outputs?: {
    readonly values: Record<string, Json>;
    readonly bindings: readonly Binding[];
  };
  readonly drafts: readonly Draft[];
  readonly operators: readonly PlanOperator[];
  /** Whether every node waits for all environments. */
  readonly preparesFirst: boolean;
  readonly scheduling?: Scheduling | undefined;
  readonly settings?: ProductionSettings;
}
