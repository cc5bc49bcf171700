// What a later version of Millrace wrote is left alone.
import { Rejected } from '#errors/families.ts';
import { FORMAT } from '#schemas/ids.ts';

/** Refuses a format that this version does not know. */
export function refuseNewer(version: number, subject: string): void {
  if (version <= FORMAT) return;
  throw new Rejected(
    'newer_format',
    `${subject} has format ${version}, this Millrace reads up to ${FORMAT}; use a newer Millrace. Nothing was changed`,
    { found: version, known: FORMAT },
  );
}
