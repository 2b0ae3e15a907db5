import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '#lib/config';
import { RedisConnections } from '#lib/redis';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { CacheKeys } from './cache.keys.js';
import { ABSENT, ack, begin, fill, poll } from './directory.protocol.js';
import { messageKinds, parseFill, parseResult, parseWrite, scripts, writeArguments } from './directory.scripts.js';
import type { Change, DirectoryMessage, Entry, Line, Snapshot, StoredResult, Write } from './line.types.js';

/** Numbers of the size that they have in production, where a careless script would round them. */
const EPOCH = 1_790_000_000_000_000;
const GRANT = 9_007_199_254_740_000;
const EPOCHS = [1, 2, 3, 4].map((n) => EPOCH + n);
/** Epochs 1 and 4 are of one process. */
const instanceOf = (epoch: number) => `instance-${((epoch - EPOCH - 1) % 3) + 1}`;
const HOT_FROM = 3;
const PREFIX = 'property';
const CHANNELS = `${PREFIX}:channel:`;

const snapshot: fc.Arbitrary<Snapshot> = fc.record({
  counter: fc.constantFrom(0, EPOCH + 2, EPOCH + 4),
  living: fc.subarray(EPOCHS),
});
const epoch = fc.constantFrom(...EPOCHS);
const grant = fc.integer({ min: 1, max: 6 }).map((n) => GRANT + n);
const json = fc.oneof(
  fc.json(),
  fc.constantFrom(
    '1',
    '-7',
    '9007199254740991',
    '9007199254740992',
    '1.5',
    '"1"',
    '{"__proto__":[null]}',
    '"\\u0000ü/"',
  ),
);
const ttlMs = fc.option(fc.constantFrom(1, 1, 100_000), { nil: undefined });
const ifVersion = fc.option(fc.constantFrom('found', 0, 5), { nil: undefined });
const lock = fc.oneof(
  fc.constantFrom('a', 'b'),
  fc.integer({ min: 0, max: 20 }).map((n) => `lock ${n}`),
);
const fence = fc.option(fc.record({ lock, token: fc.integer({ min: 1, max: 4 }).map((n) => GRANT + n) }), {
  nil: undefined,
});
const change = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('write'), json, ttlMs, ifVersion, fence }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete'), ifVersion, fence }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('increment'),
      by: fc.constantFrom(1, -3, Number.MAX_SAFE_INTEGER),
      ttlMs,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire'), version: fc.constant(1) }) },
);
const seldom = <T>(one: fc.Arbitrary<T>, usual: T) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: one });
/** What most writes are: of one value by the owner, if there is one, and seldom under any condition. */
const rewrite = fc.record({
  call: fc.constant('begin'),
  byOwner: fc.constant(true),
  hotFrom: seldom(fc.constant(1), HOT_FROM),
  epoch,
  upto: seldom(grant, GRANT + 6),
  snapshot,
  writes: fc.uniqueArray(
    fc.record({
      id: fc.integer({ min: 1, max: 12 }),
      repeatable: seldom(fc.constant(true), false),
      grant,
      change: fc.oneof(
        {
          weight: 8,
          arbitrary: fc.record({
            kind: fc.constant('write'),
            json,
            ttlMs: seldom(ttlMs, undefined),
            ifVersion: seldom(ifVersion, undefined),
            fence: seldom(fence, undefined),
          }),
        },
        change,
        fc.record({ kind: fc.constant('delete') }),
        fc.record({ kind: fc.constant('increment'), by: fc.constant(1) }),
      ),
    }),
    { minLength: 1, maxLength: 2, selector: ({ id }) => id },
  ),
});
const step = fc.oneof(
  { weight: 8, arbitrary: rewrite },
  { weight: 4, arbitrary: fc.record({ call: fc.constant('fill'), epoch, grant, cacheable: fc.boolean(), snapshot }) },
  {
    weight: 5,
    arbitrary: fc.record({
      call: fc.constant('begin'),
      byOwner: fc.constant(false),
      hotFrom: fc.constant(HOT_FROM),
      epoch,
      upto: grant,
      snapshot,
      writes: fc.uniqueArray(
        fc.record({ id: fc.integer({ min: 1, max: 12 }), repeatable: fc.boolean(), grant, change }),
        { minLength: 1, maxLength: 3, selector: ({ id }) => id },
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      call: fc.constant('ack'),
      epoch,
      wrongRound: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('poll'), id: fc.integer({ min: 0, max: 20 }), snapshot }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('wait') }) },
);

describe('the scripts do what the protocol says', () => {
  let redis: TestRedis;
  let connections: RedisConnections;
  let subscriber: RedisConnections['lease']['redis'];
  let heard: string[][] = [];
  let names = 0;
  const keys = new CacheKeys(PREFIX);
  const run = async <Answer>(
    script: Parameters<typeof connections.lease.run<Answer>>[0],
    ofKeys: string[],
    args: (string | number)[],
  ) => await connections.lease.run(script, ofKeys, args);

  beforeAll(async () => {
    redis = await startRedis();
    connections = new RedisConnections(readSettings({ REDIS_URL: redis.url }));
    await eventually(() => connections.lease.server, { what: 'a connection' });
    subscriber = connections.lease.redis.duplicate();
    subscriber.on('pmessage', (_pattern, channel, text) => {
      heard.push([channel.slice(CHANNELS.length), ...(JSON.parse(text) as string[])]);
    });
    await eventually(() => subscriber.status === 'ready', { what: 'a subscriber' });
    await subscriber.psubscribe(`${CHANNELS}*`);
  });
  afterAll(async () => {
    subscriber.disconnect();
    await connections.close();
    await redis.stop();
  });

  /** Everything that was published up to now. */
  async function messages(name: string): Promise<DirectoryMessage[]> {
    await connections.lease.redis.publish(`${CHANNELS}end`, '[]');
    await eventually(() => heard.at(-1)?.[0] === 'end', { what: 'the last message', everyMs: 0 });
    const all = heard.slice(0, -1).map((message) => parseMessage(message, name));
    heard = [];
    return all;
  }

  /** The line as Redis holds it. */
  async function entry(name: string, ids: readonly string[]): Promise<Entry> {
    const [lineKey, results, fencesKey] = keys.of(name);
    const [hash, fences, stored] = await Promise.all([
      connections.lease.redis.hgetall(lineKey),
      connections.lease.redis.hgetall(fencesKey),
      Promise.all(ids.map((id) => connections.lease.redis.get(results + id))),
    ]);
    return {
      line: parseLine(hash),
      fences: Object.entries(fences).map(([of, token]) => ({ lock: of, token: Number(token) })),
      results: ids.flatMap((id, index) => {
        const text = stored[index];
        if (text == null) return [];
        const [code, version, number, replayed] = JSON.parse(text) as string[];
        const { outcome } = parseResult(id, [code ?? '', version ?? '', number ?? '', '', '', '']);
        return [{ id, outcome, replayed: replayed === '1' }];
      }),
    };
  }

  /** What is there stays; an absent line and its tokens are remembered for a while. */
  async function expectLife(name: string, { line, fences }: Entry): Promise<void> {
    const [lineKey, , fencesKey] = keys.of(name);
    const [ofLine, ofFences] = await Promise.all([
      connections.lease.redis.pttl(lineKey),
      connections.lease.redis.pttl(fencesKey),
    ]);
    const life = (exists: boolean, pttl: number) =>
      pttl > 0 ? 'for a while' : pttl === -1 ? 'stays' : exists ? 'lost' : 'none';
    const due = line.json === undefined ? 'for a while' : 'stays';
    expect(life(line.version > 0, ofLine)).toBe(line.version > 0 ? due : 'none');
    expect(life(fences.length > 0, ofFences)).toBe(fences.length > 0 ? due : 'none');
  }

  it('whatever is asked in whatever order', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const name = `line {${++names}} :*`;
        const [lineKey] = keys.of(name);
        const of = keys.of(name);
        const head = [CHANNELS, name, HOT_FROM];
        const asWhom = ({ snapshot, epoch, hotFrom = HOT_FROM }: Asking) => [
          CHANNELS,
          hotFrom,
          snapshotText(snapshot),
          epoch,
          instanceOf(epoch),
        ];
        const ids = Array.from({ length: 12 }, (_, index) => `id:${index + 1}`);
        let expected = ABSENT;
        for (const one of steps) {
          if (one.call === 'wait') {
            await new Promise((resolve) => setTimeout(resolve, 2));
            continue;
          }
          const circumstances = (now: string | undefined, hotFrom = HOT_FROM) => ({ nowMicros: Number(now), hotFrom });
          let due;
          let answer: unknown;
          if (one.call === 'fill') {
            const request = { ...one, instance: instanceOf(one.epoch) };
            const answered = await run(
              scripts.fill,
              [lineKey],
              [...asWhom(one), name, one.grant, one.cacheable ? '1' : ''],
            );
            answer = parseFill(answered);
            due = fill(expected, request, circumstances(answered[0]));
          } else if (one.call === 'begin') {
            const writes = one.writes.map((write): Write => {
              // Only what a caller asked for can be repeated by him; any other write has an id that none had before.
              const repeatable = write.repeatable && write.change.kind !== 'expire';
              const id = repeatable ? `id:${write.id}` : `own:${ids.length}`;
              if (!repeatable) ids.push(id);
              return { ...write, id, repeatable, change: resolve(write.change as Drawn, expected.line) };
            });
            const by = one.byOwner ? (expected.line.owner ?? one.epoch) : one.epoch;
            const request = { ...one, epoch: by, writes, instance: instanceOf(by) };
            const [now, ...answers] = await run(scripts.begin, of, [
              ...asWhom(request),
              name,
              one.upto,
              ...writes.flatMap(writeArguments),
            ]);
            answer = answers.map((fields, index) => parseWrite(writes[index]?.id ?? '', fields));
            due = begin(expected, request, circumstances(now, one.hotFrom));
          } else if (one.call === 'ack') {
            const request = { epoch: one.epoch, round: expected.line.round + (one.wrongRound ? 1 : 0) };
            const [now] = await run(scripts.ack, of, [...head, request.round, request.epoch]);
            due = ack(expected, request, circumstances(now));
          } else {
            const id = one.id === 0 ? '' : (ids.at(-one.id) ?? '');
            const [now, ...fields] = await run(scripts.poll, of, [...head, snapshotText(one.snapshot), id]);
            answer = parseWrite(id, fields);
            due = poll(expected, { id, snapshot: one.snapshot }, circumstances(now));
          }
          expect({ call: one.call, answer, messages: await messages(name) }).toEqual({
            call: one.call,
            answer: due.answer,
            messages: due.messages,
          });
          expected = due.entry;
          expect(sorted(await entry(name, ids))).toEqual(sorted(expected));
          await expectLife(name, expected);
          const ends = await connections.lease.redis.zscore(keys.of(name)[3], name);
          expect(ends === null ? undefined : Number(ends)).toBe(expected.line.expiresAt);
        }
      }),
      {
        numRuns: Number(process.env['PROPERTY_RUNS'] ?? 150),
        ...(process.env['PROPERTY_SEED'] !== undefined && { seed: Number(process.env['PROPERTY_SEED']) }),
      },
    );
  });
});

interface Asking {
  readonly snapshot: Snapshot;
  readonly epoch: number;
  readonly hotFrom?: number;
}

type Drawn =
  | Change
  | (Omit<Extract<Change, { kind: 'write' | 'delete' }>, 'ifVersion'> & { ifVersion?: number | 'found' | undefined });

/** Puts in the version that is there, and leaves out what is undefined. */
function resolve(drawn: Drawn, line: Line): Change {
  const given = Object.entries(drawn).filter(([, value]) => value !== undefined);
  const found = line.json === undefined ? 0 : line.version;
  return Object.fromEntries(
    given.map(([name, value]) => [name, value === 'found' ? found : value]),
  ) as unknown as Change;
}

function snapshotText({ counter, living }: Snapshot): string {
  return [counter, ...living.map((one) => `${one}:${instanceOf(one)}`)].join(' ');
}

function parseMessage(
  [to = '', kind = '', name = '', ...fields]: readonly string[],
  expectedName: string,
): DirectoryMessage {
  expect(name).toBe(expectedName);
  if (kind === messageKinds.invalidate)
    return { kind: 'invalidate', to, round: Number(fields[0]), epoch: Number(fields[1]) };
  if (kind === messageKinds.shared) return { kind: 'shared', to, version: Number(fields[0]) };
  const [id = '', ...result] = fields;
  return { kind: 'result', to, result: parseResult(id, result) };
}

function parseLine(hash: Record<string, string>): Line {
  const holders = Object.entries(hash).flatMap(([field, value]) => {
    if (!field.startsWith('g')) return [];
    const [held = '', instance = ''] = value.split(' ');
    return [{ epoch: Number(field.slice(1)), grant: Number(held), instance }];
  });
  const pending = Object.entries(hash)
    .filter(([field]) => field.startsWith('w'))
    .sort(([a], [b]) => Number(a.slice(1)) - Number(b.slice(1)))
    .map(([, text]) => parsePending(JSON.parse(text) as string[]));
  return {
    version: Number(hash['n'] ?? 0),
    round: Number(hash['r'] ?? 0),
    heat: Number(hash['h'] ?? 0),
    holders: holders.sort((a, b) => a.epoch - b.epoch),
    pending,
    ...(hash['v'] !== undefined && { json: hash['v'] }),
    ...(hash['x'] !== undefined && { expiresAt: Number(hash['x']) }),
    ...(hash['o'] !== undefined && { owner: Number(hash['o']) }),
    ...(hash['l'] !== undefined && { lastWriter: hash['l'] }),
  };
}

function parsePending(fields: readonly string[]): Line['pending'][number] {
  const [
    id = '',
    held,
    repeatable,
    kind,
    text = '',
    ttl,
    version,
    ofLock = '',
    token,
    of,
    instance = '',
    ...recipients
  ] = fields;
  const limits = {
    ...(version !== '' && { ifVersion: Number(version) }),
    ...(ofLock !== '' && { fence: { lock: ofLock, token: Number(token) } }),
  };
  const life = ttl !== '' && { ttlMs: Number(ttl) };
  const changes: Record<string, Change> = {
    write: { kind: 'write', json: text, ...life, ...limits },
    delete: { kind: 'delete', ...limits },
    increment: { kind: 'increment', by: Number(text), ...life },
    expire: { kind: 'expire', version: Number(version) },
  };
  const changed = changes[kind ?? ''];
  if (!changed) throw new Error(`no such change: ${kind ?? ''}`);
  return {
    id,
    grant: Number(held),
    repeatable: repeatable === '1',
    change: changed,
    epoch: Number(of),
    instance,
    recipients,
  };
}

/** In Redis neither tokens nor results have an order. */
function sorted(entry: Entry): Entry {
  const fences = [...entry.fences].sort((a, b) => (a.lock < b.lock ? -1 : 1));
  const results = [...entry.results].sort((a: StoredResult, b: StoredResult) => (a.id < b.id ? -1 : 1));
  return { ...entry, fences, results };
}
