// What one look of the doctor came to.

export interface Finding {
  readonly name: string;
  /** `weak`: it works, but less well than it could. */
  readonly status: 'there' | 'weak' | 'missing';
  /** Nothing runs without it. */
  readonly needed: boolean;
  readonly version?: string;
  readonly path?: string;
  /** One line: what was found. */
  readonly message?: string;
  /** What does not work without it, or not as well. */
  readonly lacks?: string;
  /** How one gets it. */
  readonly get?: string;
}
