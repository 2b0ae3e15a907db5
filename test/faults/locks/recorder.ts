import type { Answer, JsonObject, TestNode } from '../../cluster/index.js';
import type { LockAnswer, LockState } from '../../lock/lock.client.js';
import type { Violation } from '../round.js';
import { REDIS_TIMEOUT_MS, SLACK_MS } from './bounds.js';
import { violation, type Call, type History, type LockRequest, type Sample } from './history.js';

const UNEXPECTED = 'unexpected answer';

const ROUTES = {
  acquire: '/lock/acquire',
  'acquire-many': '/lock/acquire-many',
  renew: '/lock/renew',
  release: '/lock/release',
};
const REASONS = {
  acquire: ['locked', 'timeout', 'deadlock', 'too_many_waiters'],
  'acquire-many': ['locked', 'timeout', 'deadlock', 'too_many_waiters'],
  renew: ['not_held'],
  release: ['not_held', 'not_owner', 'stale_token'],
};
/** Longer than an answer may take, so that one that never comes is seen. */
const PATIENCE_MS = REDIS_TIMEOUT_MS + SLACK_MS + 500;

/** Makes calls and writes down what was asked, what was answered, and when. */
export class Recorder implements History {
  readonly start = performance.now();
  readonly calls: Call[] = [];
  readonly samples: Sample[] = [];
  /** Answers that nobody can expect. */
  readonly unexpected: Violation[] = [];
  /** Calls that were answered 503. */
  refused = 0;

  /** @param hangUp closes the connection before the answer */
  async call(node: TestNode, request: LockRequest, hangUp?: AbortSignal): Promise<Call> {
    const patience = AbortSignal.timeout((request.waitMs ?? 0) + PATIENCE_MS);
    const signal = hangUp ? AbortSignal.any([patience, hangUp]) : patience;
    const invoked = performance.now();
    let became: Pick<Call, 'outcome' | 'answer' | 'hungUp' | 'silent'>;
    try {
      const answer = await node.post(ROUTES[request.kind], bodyOf(request), { signal });
      became = this.#judge(request, answer);
    } catch (error) {
      if (hangUp?.aborted === true) became = { outcome: 'unclear', hungUp: true };
      else became = { outcome: wasRefused(error) ? 'nothing' : 'unclear', silent: true };
    }
    const call: Call = { ...request, node: node.id, invoked, completed: performance.now(), ...became };
    this.calls.push(call);
    if (call.outcome === 'answered' && !isExpected(call)) {
      this.unexpected.push(violation(UNEXPECTED, `an answer that the contract does not have`, [call], this));
    }
    return call;
  }

  /** Looks at a lock. @returns undefined where there was no answer */
  async look(node: TestNode, name: string): Promise<Sample | undefined> {
    const invoked = performance.now();
    let answer: Answer;
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      answer = await node.get(`/lock?name=${encodeURIComponent(name)}`, { signal });
    } catch {
      return undefined;
    }
    if (answer.status !== 200) return undefined;
    const { holders, waiters } = answer.body['lock'] as unknown as LockState;
    const sample: Sample = { name, node: node.id, invoked, completed: performance.now(), holders, waiters };
    this.samples.push(sample);
    return sample;
  }

  #judge(request: LockRequest, { status, body, text }: Answer): Pick<Call, 'outcome' | 'answer'> {
    if (status === 200) return { outcome: 'answered', answer: body as unknown as LockAnswer };
    const may = body['mayHaveTakenEffect'];
    if (status === 503) this.refused += 1;
    if (status === 503 && typeof may === 'boolean') return { outcome: may ? 'unclear' : 'nothing' };
    const what = `${request.owner}'s ${request.kind} was answered ${status}: ${text.slice(0, 200)}`;
    this.unexpected.push(violation(UNEXPECTED, what, [], this));
    return { outcome: 'unclear' };
  }
}

function bodyOf({ kind, owner, locks, leaseMs, waitMs, token }: LockRequest): JsonObject {
  const [lock] = locks;
  const fields = {
    owner,
    ...(leaseMs !== undefined && { leaseMs }),
    ...(waitMs !== undefined && { waitMs }),
    ...(token !== undefined && { token }),
  };
  if (kind === 'acquire-many') return { ...fields, locks: locks.map((one) => ({ ...one })) };
  if (kind === 'renew') return { ...fields, names: locks.map(({ name }) => name) };
  return { ...fields, ...(kind === 'release' ? { name: lock?.name ?? '' } : lock) };
}

function isExpected({ kind, answer, locks }: Call): boolean {
  if (answer?.ok === false) return REASONS[kind].includes(answer.reason ?? '');
  if (answer?.ok !== true) return false;
  if (kind === 'acquire') return typeof answer.token === 'number';
  return kind !== 'acquire-many' || locks.every(({ name }) => typeof answer.tokens?.[name] === 'number');
}

/** Nobody listened: the node certainly never heard of it. */
function wasRefused(error: unknown): boolean {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}
