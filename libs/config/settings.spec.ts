import { describe, expect, it } from 'vitest';
import { InvalidSettings, readSettings } from '#lib/config';

describe('settings', () => {
  it('have defaults for everything', () => {
    const settings = readSettings({});
    expect(settings.PORT).toBe(8001);
    expect(settings.REDIS_URL).toBe('redis://127.0.0.1:6379');
    expect(settings.PUBLIC_URL).toBeUndefined();
  });

  it('are read by their names, and an empty variable counts as not given', () => {
    const settings = readSettings({ NODE_ID: 'node7', PORT: '9000', LOG_LEVEL: '', UNRELATED: 'x' });
    expect(settings).toMatchObject({ NODE_ID: 'node7', PORT: 9000, LOG_LEVEL: 'info' });
    expect(settings).not.toHaveProperty('UNRELATED');
  });

  it('are refused all at once, each with what it must be and what it was', () => {
    const read = () =>
      readSettings({
        PORT: '70000',
        REDIS_TIMEOUT_MS: 'soon',
        LOG_LEVEL: 'loud',
        NODE_ID: 'a b',
        MAX_BODY_BYTES: '1e6',
      });
    expect(read).toThrow(InvalidSettings);
    for (const line of [
      'PORT must be a whole number from 1 to 65535, not "70000"',
      'REDIS_TIMEOUT_MS must be a whole number from 50 to 60000, not "soon"',
      'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not "loud"',
      'NODE_ID must be 1 to 64 letters, digits, "_", "." or "-", not "a b"',
      'MAX_BODY_BYTES must be a whole number from 1024 to 67108864, not "1e6"',
    ]) {
      expect(read).toThrow(line);
    }
  });

  it.each(['http://localhost', 'localhost:6379', 'redis://', 'redis://user:secret@'])(
    'refuse %s as REDIS_URL without repeating it',
    (url) => {
      expect(() => readSettings({ REDIS_URL: url })).toThrow(/REDIS_URL must be a URL like redis:/);
      expect(() => readSettings({ REDIS_URL: url })).not.toThrow(/secret/);
    },
  );

  describe('with Sentinels', () => {
    const read = (url: string) => readSettings({ REDIS_SENTINELS: 'a:26379,[::1]:26379', REDIS_URL: url });

    it.each([
      '',
      'redis://127.0.0.1',
      'redis://[::1]',
      'redis://localhost',
      'redis://:secret@redis:6379',
      'rediss://redis:6380/0',
    ])('refuse "%s" as REDIS_URL, where their name for the primary has to be', (url) => {
      expect(() => read(url)).toThrow(InvalidSettings);
      expect(() => read(url)).toThrow(
        /^ {2}REDIS_URL must have, with REDIS_SENTINELS, the name .*redis:\/\/mymaster$/m,
      );
      expect(() => read(url)).not.toThrow(/secret/);
    });

    it.each(['redis://mymaster', 'rediss://user:secret@the-primary.prod/1'])('take %s', (url) => {
      expect(read(url).REDIS_URL).toBe(url);
    });
  });
});
