// Errors as answers: the status says the family to any client, the body the rest to ours.
import { HasProblems, MillraceError, Transient } from '#errors/families.ts';
import type { ErrorAnswer } from '#schemas/api.ts';

export function errorResponse(error: unknown): Response {
  const status = statusOf(error);
  const headers: Record<string, string> =
    error instanceof Transient ? { 'retry-after': String(Math.ceil(error.afterMs / 1000)) } : {};
  return Response.json(bodyOf(error), { status, headers });
}

function bodyOf(error: unknown): ErrorAnswer {
  if (!(error instanceof MillraceError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { error: { family: 'defect', code: 'defect', message, details: {} } };
  }
  const { family, code, message, details } = error;
  return {
    error: {
      family,
      code,
      message,
      details: { ...details },
      ...(error instanceof HasProblems ? { problems: [...error.problems] } : {}),
      ...(error instanceof Transient ? { afterMs: error.afterMs } : {}),
    },
  };
}

function statusOf(error: unknown): number {
  if (!(error instanceof MillraceError)) return 500;
  switch (error.family) {
    case 'rejected':
      return OF_REJECTED[error.code] ?? 400;
    case 'conflict':
      return 409;
    case 'transient':
      return 503;
    case 'defect':
      return 500;
  }
}

const OF_REJECTED: Readonly<Partial<Record<MillraceError['code'], number>>> = {
  not_found: 404,
  not_permitted: 403,
  too_large: 413,
  wrong_state: 409,
};
