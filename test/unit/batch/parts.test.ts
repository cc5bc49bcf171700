// Parts of a job by themselves: its settings, the objects that a value names, and how it tries again.
import { expect, test, vi } from 'vitest';
import { objectsNamed } from '#batch/needed.ts';
import { withRetries } from '#batch/retry.ts';
import { settingsOf, withoutSettings } from '#batch/settings.ts';
import { Rejected, Transient } from '#errors/families.ts';

const sha256 = 'a'.repeat(64);
const file = (key: string) => ({ $file: { key, name: 'x', size: 1, sha256 } });

const HOST = {
  PATH: '/bin',
  HOME: '/home/x',
  MILLRACE_ATTEMPTS_URL: 'https://example.com/attempts',
  MILLRACE_ATTEMPT_TOKEN: 'token',
  MILLRACE_ORDER: '{}',
  MILLRACE_UV: '/bin/uv',
  AWS_BATCH_JOB_ID: 'id:3',
  AWS_BATCH_JOB_ARRAY_INDEX: '3',
  AWS_REGION: 'eu-west-1',
  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/x',
  AWS_CONTAINER_AUTHORIZATION_TOKEN: 'x',
  ECS_CONTAINER_METADATA_URI_V4: 'http://169.254.170.2/v4/x',
};

test('settings are read from the environment, and what programs find of it is neither settings nor credentials', () => {
  expect(settingsOf(HOST)).toMatchObject({ token: 'token', job: 'id:3', index: 3, order: '{}' });
  expect(withoutSettings(HOST)).toEqual({
    PATH: '/bin',
    HOME: '/home/x',
    MILLRACE_UV: '/bin/uv',
    AWS_REGION: 'eu-west-1',
  });
});

test('an index that is no number is refused', () => {
  expect(() => settingsOf({ ...HOST, AWS_BATCH_JOB_ARRAY_INDEX: 'x' })).toThrow(/index/);
});

test('objects are found at any depth, each once; files of a machine and what only looks like one are none', () => {
  const value = {
    a: [file('one'), { b: file('two') }, file('one')],
    ref: { $ref: { key: 'three', size: 2, sha256, mediaType: 'application/json' } },
    local: { $file: { path: '/tmp/x', name: 'x', size: 1, sha256 } },
    text: { $file: 'just a text' },
    outside: file('../../etc/passwd'),
  };
  expect(
    objectsNamed(value)
      .map(({ key }) => key)
      .sort(),
  ).toEqual(['one', 'three', 'two']);
});

test('only what may go away is tried again, within its bounds', async () => {
  const refused = vi.fn(() => Promise.reject(new Rejected('invalid', 'no')));
  await expect(withRetries({ within: 1_000 }, refused)).rejects.toThrow('no');
  expect(refused).toHaveBeenCalledTimes(1);

  const busy = vi.fn(() => Promise.reject(new Transient('unavailable', 'busy', { afterMs: 0 })));
  await expect(withRetries({ within: 60_000, tries: 3 }, busy)).rejects.toThrow('busy');
  expect(busy).toHaveBeenCalledTimes(3);

  const long = vi.fn(() =>
    Promise.reject(new Transient('unavailable', 'later', { afterMs: 5_000 })),
  );
  await expect(withRetries({ within: 4_000 }, long)).rejects.toThrow('later');
  expect(long).toHaveBeenCalledTimes(1);
});

test('who no longer wants it is not made to wait', async () => {
  const abort = new AbortController();
  const busy = () => {
    abort.abort();
    return Promise.reject(new Transient('unavailable', 'busy', { afterMs: 60_000 }));
  };
  await expect(withRetries({ within: 600_000, signal: abort.signal }, busy)).rejects.toThrow(
    'busy',
  );
});
