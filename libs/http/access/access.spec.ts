import { describe, expect, it } from 'vitest';
import { needOf } from './route.access.js';
import { BrokenTokenFile, parseTokenFile } from './token.file.js';

const hash = (digit: string) => digit.repeat(64);

describe('a file of tokens', () => {
  it('names tokens by their hashes, with scopes, between comments and empty lines', () => {
    const entries = parseTokenFile(`# services\n\nbilling ${hash('A')} lock,queue\r\n  ops\t${hash('b')}  admin  \n`);
    expect(entries.map(({ credential }) => credential)).toEqual([
      { name: 'billing', scopes: new Set(['lock', 'queue']) },
      { name: 'ops', scopes: new Set(['admin']) },
    ]);
    expect(entries[0]?.hash).toEqual(Buffer.alloc(32, 0xaa));
  });

  it.each([
    ['empty', '', 'there is no token'],
    ['only comments', '# nothing\n', 'there is no token'],
    ['a line cut off', `a ${hash('a')} lock\nb ${hash('b')}`, 'line 2 must be'],
    ['a hash cut off', `a ${'a'.repeat(63)} lock`, 'line 1 must have the SHA-256'],
    ['a plain token', 'a secret-token lock', 'line 1 must have the SHA-256'],
    ['an unknown scope', `a ${hash('a')} lock,root`, 'line 1 must end in scopes'],
    ['an empty scope', `a ${hash('a')} lock,`, 'line 1 must end in scopes'],
    ['spaces between scopes', `a ${hash('a')} lock, queue`, 'line 1 must be'],
    ['a name that is none', `a/b ${hash('a')} lock`, 'line 1 must begin with a name'],
    ['a name twice', `a ${hash('a')} lock\na ${hash('b')} lock`, 'line 2 has the name'],
    ['a token twice', `a ${hash('a')} lock\nb ${hash('A')} lock`, 'line 2 has the token'],
  ])('is refused as a whole: %s', (_, text, complaint) => {
    expect(() => parseTokenFile(text)).toThrow(BrokenTokenFile);
    expect(() => parseTokenFile(text)).toThrow(complaint);
  });

  it('is never repeated in what is said about it', () => {
    const said = () => parseTokenFile('my-secret other-secret third-secret\nsecret-line');
    expect(said).toThrow(BrokenTokenFile);
    expect(said).not.toThrow(/secret/);
  });

  it('holds at most 1000 tokens', () => {
    const lines = (count: number) =>
      Array.from({ length: count }, (_, i) => `t${i} ${i.toString(16).padStart(64, '0')} read`).join('\n');
    expect(parseTokenFile(lines(1000))).toHaveLength(1000);
    expect(() => parseTokenFile(lines(1001))).toThrow('more than 1000');
  });
});

describe('what a call needs', () => {
  it.each([
    // Open, so that probes need no secret.
    ['GET /health', 'nothing'],
    ['GET /health/live', 'nothing'],
    ['GET /health/ready', 'nothing'],
    ['GET /health/startup', 'nothing'],
    ['GET /metrics', 'read'],
    ['GET /cluster', 'token'],
    ['GET /docs', 'token'],
    ['GET /docs/swagger-ui.css', 'token'],
    ['GET /openapi.json', 'token'],
    ['POST /admin/anything', 'admin'],
    // Locks.
    ['POST /lock/acquire', 'lock'],
    ['POST /lock/release', 'lock'],
    ['POST /lock/renew', 'lock'],
    ['POST /lock/acquire-many', 'lock'],
    ['GET /lock', 'read lock'],
    ['GET /locks', 'read lock'],
    ['GET /lock/watch', 'read lock'],
    ['DELETE /lock', 'admin'],
    // Queues.
    ['POST /queue/push', 'queue'],
    ['POST /queue/push-many', 'queue'],
    ['POST /queue/pop', 'queue'],
    ['POST /queue/ack', 'queue'],
    ['POST /queue/nack', 'queue'],
    ['POST /queue/extend', 'queue'],
    ['POST /queue/redrive', 'queue'],
    ['POST /queue/schedule', 'queue'],
    ['DELETE /queue/schedule', 'queue'],
    ['GET /queue', 'read queue'],
    ['GET /queue/peek', 'read queue'],
    ['GET /queue/schedules', 'read queue'],
    ['GET /queues', 'read queue'],
    ['POST /queue/pause', 'admin'],
    ['POST /queue/resume', 'admin'],
    ['POST /queue/purge', 'admin'],
    ['DELETE /queue', 'admin'],
    // Cache.
    ['POST /cache/write', 'cache'],
    ['POST /cache/delete', 'cache'],
    ['POST /cache/increment', 'cache'],
    ['POST /cache/read-many', 'read cache'],
    ['GET /cache/read', 'read cache'],
    ['GET /cache/line', 'read cache'],
    ['GET /cache/lines', 'read cache'],
    // A method that a path does not have is no way around what its others need.
    ['PUT /lock/acquire', 'lock'],
    ['HEAD /lock', 'read lock'],
    ['HEAD /cache/read', 'read cache'],
    // The router takes these for the same paths.
    ['DELETE /LOCK', 'admin'],
    ['DELETE /lock/', 'admin'],
    ['POST /Queue/Purge/', 'admin'],
    ['GET /METRICS/', 'read'],
    // Not below /health.
    ['GET /healthy', undefined],
    ['GET /', undefined],
    ['POST /lock', undefined],
    ['GET /lockes', undefined],
    ['GET /docs-json', undefined],
  ])('%s', (call, expected) => {
    const [method = '', path = ''] = call.split(' ');
    const need = needOf(method, path);
    expect(typeof need === 'object' ? need.join(' ') : need).toBe(expected);
  });
});
