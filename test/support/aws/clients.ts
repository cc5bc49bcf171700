// How tests reach the emulators that they share.
import { inject } from 'vitest';
import { emulated as anywhere } from './emulated.ts';

/** Where MiniStack answers; empty where it is not there. Tests that need it are skipped then, and `npm test` says so. */
export const ministack = inject('ministack');
export const dynamodbLocal = inject('dynamodbLocal');

export const emulated = anywhere;
