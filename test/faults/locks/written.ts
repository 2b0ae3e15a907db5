import type { LockAnswer } from '../../lock/lock.client.js';
import type { Incident, Incidents } from '../round.js';
import type { Call, History, LockRequest, Mode, Sample } from './history.js';
import { judge } from './judge.js';

/** When a call was made and ended, and what came of it: an answer, or no clear one. */
type Became = LockAnswer | 'nothing' | 'unclear' | 'hung up' | 'silent';

/** A history written down call by call, for tests of the judge; one lock `x` unless told otherwise, leases of a second. */
export class Written implements History {
  readonly start = 0;
  readonly calls: Call[] = [];
  readonly samples: Sample[] = [];

  acquire(owner: string, invoked: number, completed: number, became: Became, fields: Fields = {}): this {
    return this.#add('acquire', owner, invoked, completed, became, { leaseMs: 1000, ...fields });
  }

  many(owner: string, names: string[], invoked: number, completed: number, became: Became, fields: Fields = {}): this {
    const locks = names.map((name) => ({ name, mode: 'exclusive' as const }));
    return this.#add('acquire-many', owner, invoked, completed, became, { leaseMs: 1000, locks, ...fields });
  }

  renew(owner: string, invoked: number, completed: number, became: Became, fields: Fields = {}): this {
    return this.#add('renew', owner, invoked, completed, became, fields);
  }

  release(owner: string, invoked: number, completed: number, became: Became, fields: Fields = {}): this {
    return this.#add('release', owner, invoked, completed, became, fields);
  }

  shows(at: number, holders: string[], waiters: [string, Mode][]): this {
    this.samples.push({
      name: 'x',
      node: 'node1',
      invoked: at,
      completed: at + 1,
      holders: holders.map((owner) => ({ owner, mode: 'exclusive', token: 1, expiresInMs: 500 })),
      waiters: waiters.map(([owner, mode]) => ({ owner, mode, node: 'node1', waitingMs: 1 })),
    });
    return this;
  }

  /** The rules that are broken. */
  broken(...all: Incident[]): string[] {
    const incidents: Incidents = {
      all,
      touched: (node, from, to) =>
        all.some((one) => (one.redis || one.nodes.includes(node)) && one.from <= to && one.to >= from),
    };
    return [...new Set(judge(this, incidents).violations.map(({ rule }) => rule))];
  }

  #add(
    kind: LockRequest['kind'],
    owner: string,
    invoked: number,
    completed: number,
    became: Became,
    { mode = 'exclusive', limit, ...fields }: Fields,
  ): this {
    const locks = [{ name: 'x', mode, ...(limit !== undefined && { limit }) }];
    const outcome = typeof became === 'object' ? 'answered' : became === 'nothing' ? became : 'unclear';
    this.calls.push({
      kind,
      owner,
      locks,
      node: 'node1',
      invoked,
      completed,
      outcome,
      ...(typeof became === 'object' && { answer: became }),
      ...(became === 'hung up' && { hungUp: true }),
      ...(became === 'silent' && { silent: true }),
      ...fields,
    });
    return this;
  }
}

export type Fields = Partial<Pick<Call, 'leaseMs' | 'waitMs' | 'token' | 'node' | 'locks'>> & {
  mode?: Mode;
  limit?: number;
};

/** One that touches node1 alone, unless told otherwise. */
export const incident = (fields: Partial<Incident>): Incident => ({
  fault: 'test',
  nodes: ['node1'],
  redis: false,
  loss: false,
  from: 0,
  to: 0,
  healed: fields.to ?? 0,
  ...fields,
});
