// Bodies that are packed on their way: plans and reports of many nodes would not go through a gateway as they are.
import { Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { errorResponse } from './error-answer.ts';

/** The text of a request's body, unpacked. Rejects with `too_large` as soon as it is, whatever it was packed to. */
export async function textOf(request: Request): Promise<string> {
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  if (encoding === 'identity' || request.body === null) return await request.text();
  if (encoding !== 'gzip')
    throw new Rejected('invalid', `content-encoding "${encoding}" is not read; wanted is gzip`);
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    for await (const chunk of request.body.pipeThrough(new DecompressionStream('gzip'))) {
      bytes += chunk.length;
      if (bytes > limits.requestBytes)
        throw new Rejected(
          'too_large',
          `the request unpacks to more than ${limits.requestBytes} bytes`,
        );
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    if (error instanceof Rejected) throw error;
    throw new Rejected('invalid', "the request's body is not what content-encoding says");
  }
  return text + decoder.decode();
}

/** The response as it goes out: packed where it is large and whoever asks can unpack it, refused where it would not get through. */
export async function packed(
  request: Request,
  response: Response,
  most = Number.POSITIVE_INFINITY,
): Promise<Response> {
  if (response.body === null || !Number.isFinite(most)) return response;
  const bytes = new Uint8Array(await response.arrayBuffer());
  const { status, headers } = response;
  if (bytes.length < limits.packedRequest || !accepts(request))
    return bytes.length > most ? tooLong(bytes.length) : new Response(bytes, { status, headers });
  const body = new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'));
  const small = new Uint8Array(await new Response(body).arrayBuffer());
  if (small.length > most) return tooLong(bytes.length);
  headers.set('content-encoding', 'gzip');
  return new Response(small, { status, headers });
}

const accepts = (request: Request): boolean =>
  /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '');

const tooLong = (bytes: number): Response =>
  errorResponse(
    new Rejected(
      'too_large',
      `the answer has ${bytes} bytes, which is more than gets through; ask for less`,
    ),
  );
