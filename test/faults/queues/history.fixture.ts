import type { Json, JsonObject } from '../../cluster/index.js';
import type { Incident, Incidents } from '../round.js';
import type { Leftover } from './drain.js';
import type { Attempt, Call, CallKind } from './history.js';
import { judge } from './judge.js';

/** When something began and was answered, ms. */
type Times = readonly [invoked: number, completed: number];

const DEFAULTS = { maxDeliveries: 1000 };

/** A history made by hand, on one queue. */
export class Script {
  readonly calls: Call[] = [];
  readonly #incidents: Incident[] = [];
  readonly #leftovers: Leftover[] = [];

  push(
    name: string,
    at: Times,
    fields: JsonObject = {},
    answer: JsonObject | null = { ok: true, id: `id-${name}` },
  ): this {
    return this.call('push', { payload: { name }, ...DEFAULTS, ...fields }, [attempt(at, answer)]);
  }

  pushMany(names: readonly string[], at: Times): this {
    const messages = names.map((name) => ({ payload: { name }, ...DEFAULTS }));
    return this.call('push-many', { messages }, [attempt(at, { ok: true, ids: names.map((name) => `id-${name}`) })]);
  }

  /** A pop with receipts; that of a message's second delivery is `a2`. */
  pop(receipts: readonly string[], at: Times, fields: JsonObject = {}): this {
    const messages = receipts.map((receipt) => {
      const [name, number] = [receipt.slice(0, 1), receipt.slice(1)];
      return { item: { name }, id: `id-${name}`, receipt, deliveries: Number(number) };
    });
    return this.call('pop', { ack: 'manual', visibilityMs: 500, count: 10, ...fields }, [
      attempt(at, { ok: true, messages }),
    ]);
  }

  auto(names: readonly string[], at: Times, fields: JsonObject = {}): this {
    return this.call('pop', { ack: 'auto', count: 10, ...fields }, [
      attempt(at, { ok: true, items: names.map((name) => ({ name })) }),
    ]);
  }

  empty(at: Times, fields: JsonObject = {}): this {
    const body = { ack: 'manual', visibilityMs: 500, ...fields };
    return this.call('pop', body, [attempt(at, { ok: false, reason: 'empty', item: null })]);
  }

  /** A pop without an answer. */
  lost(ack: 'auto' | 'manual', at: Times): this {
    return this.call('pop', { ack, visibilityMs: 500 }, [{ ...attempt(at, null), hungUp: true }]);
  }

  use(
    kind: 'ack' | 'nack' | 'extend',
    receipt: string,
    at: Times,
    told: 'ok' | 'stale' | 'unanswered',
    fields: JsonObject = {},
  ): this {
    const stale = { ok: false, reason: 'stale_receipt', ...(kind === 'ack' && { acked: 0, stale: [receipt] }) };
    const answer = told === 'unanswered' ? null : told === 'stale' ? stale : { ok: true };
    return this.call(kind, { receipt, ...fields }, [attempt(at, answer)]);
  }

  call(kind: CallKind, body: JsonObject, attempts: Attempt[]): this {
    this.calls.push({ client: 'client', kind, queue: 'q', body, attempts });
    return this;
  }

  /** Something was wrong with the node of all these calls. */
  trouble([from, to]: Times): this {
    return this.#happened({ fault: 'some', nodes: ['node1'], redis: false, loss: false, from, healed: to, to });
  }

  /** Redis lost its data. */
  loss([from, to]: Times): this {
    return this.#happened({ fault: 'loss', nodes: ['node1'], redis: true, loss: true, from, healed: to, to });
  }

  #happened(incident: Incident): this {
    this.#incidents.push(incident);
    return this;
  }

  left(stats: JsonObject): this {
    this.#leftovers.push({ queue: 'q', stats });
    return this;
  }

  /** @returns the rules that the judge finds broken */
  broken(): string[] {
    const all = this.#incidents;
    const incidents: Incidents = { all, touched: (_, from, to) => all.some((one) => one.from <= to && one.to >= from) };
    const record = { calls: this.calls, incidents, leftovers: this.#leftovers, start: 0 };
    return [...new Set(judge(record).violations.map(({ rule }) => rule))];
  }
}

/** @param body null where no answer came */
export function attempt([invoked, completed]: Times, body: Json | null, status = 200): Attempt {
  return { node: 'node1', invoked, completed, ...(body !== null && { answer: { status, body: body as JsonObject } }) };
}
