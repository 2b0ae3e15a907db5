import { request } from 'node:http';
import { onTestFinished } from 'vitest';
import type { Answer, JsonObject, RequestOptions, TestNode } from '../cluster/index.js';

type Fields = Record<string, string | number | readonly string[]>;

/** What a lock call answered, with the fields that tests look at. */
export interface LockAnswer {
  readonly ok: boolean;
  readonly reason?: string;
  readonly token?: number;
  readonly waitedMs?: number;
  readonly leaseMs?: number;
  readonly name?: string;
  readonly tokens?: Readonly<Record<string, number>>;
  readonly cycle?: readonly { owner: string; waitsFor: string }[];
  readonly renewed?: readonly string[];
  readonly lost?: readonly string[];
  readonly released?: number;
}

export interface LockState {
  readonly mode: string | null;
  readonly token: number | null;
  readonly holders: readonly { owner: string; mode: string; token: number; expiresInMs: number }[];
  readonly waiters: readonly { owner: string; mode: string; node: string; waitingMs: number }[];
  readonly holdersCount: number;
  readonly waitersCount: number;
}

/** Asks for a lock; exclusively unless told otherwise. */
export async function acquire(
  node: TestNode,
  name: string,
  owner: string,
  fields: Fields = {},
  options?: RequestOptions,
): Promise<LockAnswer> {
  return bodyOf(await node.post('/lock/acquire', { name, owner, mode: 'exclusive', ...fields }, options));
}

export async function release(node: TestNode, name: string, owner: string, fields: Fields = {}): Promise<LockAnswer> {
  return bodyOf(await node.post('/lock/release', { name, owner, ...fields }));
}

export async function renew(node: TestNode, owner: string, names: string[], fields: Fields = {}): Promise<LockAnswer> {
  return bodyOf(await node.post('/lock/renew', { owner, names, ...fields }));
}

export async function acquireMany(
  node: TestNode,
  owner: string,
  locks: readonly JsonObject[],
  fields: Fields = {},
): Promise<LockAnswer> {
  return bodyOf(await node.post('/lock/acquire-many', { owner, locks, ...fields }));
}

export async function look(node: TestNode, name: string): Promise<LockState> {
  const answer = await node.get(`/lock?name=${encodeURIComponent(name)}`);
  return (bodyOf(answer) as unknown as { lock: LockState }).lock;
}

export interface LockEvent {
  readonly kind: string;
  readonly data: { readonly seq: number; readonly owner?: string; readonly token?: number | null };
}

/** Watches a lock until the test ends. @returns the events so far, which grow */
export async function watch(node: TestNode, name: string): Promise<readonly LockEvent[]> {
  const events: LockEvent[] = [];
  await new Promise((resolve, reject) => {
    const stream = request(`${node.url}/lock/watch?name=${encodeURIComponent(name)}`, (response) => {
      resolve(response);
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const [kind = '', data = ''] = text.slice(0, end).split('\n');
          text = text.slice(end + 2);
          if (kind.startsWith('event: ')) {
            events.push({ kind: kind.slice(7), data: JSON.parse(data.slice(6)) as LockEvent['data'] });
          }
        }
      });
    });
    stream.on('error', reject).end();
    onTestFinished(() => {
      stream.destroy();
    });
  });
  return events;
}

function bodyOf(answer: Answer): LockAnswer {
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.body as unknown as LockAnswer;
}
