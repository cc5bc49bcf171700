// What services of AWS refuse, by who must act.
import { expect, test } from 'vitest';
import { asked, fromService } from '#aws/service-errors.ts';

const tried = { subject: 'object NS/a/x', permission: 's3:PutObject' };

const refusal = (name: string, status: number, more: object = {}) =>
  Object.assign(new TypeError(`said by ${name}`), {
    ...{ name, $fault: 'client', $metadata: { httpStatusCode: status } },
    ...more,
  });

test.each([
  ['ThrottlingException', 400, { family: 'transient', code: 'busy' }],
  ['SlowDown', 503, { family: 'transient', code: 'busy' }],
  ['Whatever', 429, { family: 'transient', code: 'busy' }],
  ['InternalError', 500, { family: 'transient', code: 'unavailable' }],
  ['AccessDenied', 403, { family: 'defect' }],
  ['AccessDeniedException', 400, { family: 'defect' }],
  ['ExpiredToken', 400, { family: 'defect' }],
  ['NoSuchBucket', 404, { family: 'defect' }],
  ['QueueDoesNotExist', 400, { family: 'defect' }],
  ['NoSuchKey', 404, { family: 'rejected', code: 'not_found' }],
  ['ResourceNotFoundException', 400, { family: 'rejected', code: 'not_found' }],
  ['ValidationException', 400, { family: 'defect' }],
])('%s (%d) is %j', (name, status, family) => {
  const error = fromService(refusal(name, status), tried);
  expect(error).toMatchObject({ ...family, message: expect.stringContaining(tried.subject) });
});

test('who lacks a permission is told which', () => {
  const error = fromService(refusal('AccessDenied', 403), tried);
  expect(error.message).toContain('lacks the permission s3:PutObject');
  expect(error.details).toMatchObject({ permission: 's3:PutObject' });
});

test('who is not known is told that, and not a permission', () => {
  const error = fromService(refusal('InvalidAccessKeyId', 403), tried);
  expect(error.message).toContain('credentials');
  expect(error.message).not.toContain('lacks');
});

test('how long to wait is what the service says', () => {
  const slow = { $response: { headers: { 'retry-after': '3' } } };
  expect(fromService(refusal('SlowDown', 503, slow), tried)).toMatchObject({ afterMs: 3_000 });
  expect(fromService(refusal('SlowDown', 503), tried)).toMatchObject({ afterMs: 1_000 });
});

test('a way there that is broken is Transient', () => {
  const broken = Object.assign(new TypeError('connect'), { code: 'ECONNREFUSED' });
  expect(fromService(broken, tried)).toMatchObject({ family: 'transient', code: 'unavailable' });
});

test('what is no refusal of a service comes as it is', async () => {
  const mistake = new TypeError('the other end went away');
  await expect(asked(tried, () => Promise.reject(mistake))).rejects.toBe(mistake);
});
