import { setTimeout as pause } from 'node:timers/promises';
import { Chance } from '../../chance.js';
import type { JsonObject, TestNode } from '../../cluster/index.js';
import type { Round } from '../round.js';
import { clarityOf, clearAttempt, waitOf, type Attempt, type Call, type CallKind } from './history.js';

/** What a node may take beside the wait that was asked for, until its client gives up. More than judges/time allows. */
const PATIENCE_MS = 4500;
/** What most clients have patience for; so that a node that hangs does not keep all of them. */
const SHORT_PATIENCE_MS = 1300;
/** How long after the round a call is still repeated for a clear answer. */
const LAST_REPEATS_MS = 5000;

export interface Manner {
  /** Hang up after so many ms. */
  readonly hangUpMs?: number | undefined;
  /** Make the call again, on any node, until its answer is clear. */
  readonly insist?: boolean;
}

/** One client: it makes calls on nodes of its choice and writes each down. */
export class Client {
  readonly chance: Chance;
  #calls = 0;

  constructor(
    readonly name: string,
    private readonly round: Round,
    private readonly history: Call[],
    number: number,
  ) {
    this.chance = new Chance(round.seed * 1009 + number);
  }

  get over(): boolean {
    return this.round.signal.aborted;
  }

  /** A number that no other call or message of this client has. */
  unique(): string {
    this.#calls += 1;
    return `${this.name}-${this.#calls}`;
  }

  async pause(ms: number): Promise<void> {
    await pause(ms);
  }

  /** @returns the body of the clear answer, undefined where there was none */
  async call(
    kind: CallKind,
    queue: string,
    fields: JsonObject,
    { hangUpMs, insist = false }: Manner = {},
  ): Promise<JsonObject | undefined> {
    const call: Call = { client: this.name, kind, queue, body: fields, attempts: [] };
    this.history.push(call);
    let overSince: number | undefined;
    for (;;) {
      const attempt = await this.#attempt(call, call.attempts.length === 0 ? hangUpMs : undefined);
      call.attempts.push(attempt);
      const clarity = clarityOf(attempt);
      if (clarity === 'clear' || clarity === 'unexpected' || !insist) break;
      if (this.over) overSince ??= performance.now();
      if (overSince !== undefined && performance.now() - overSince > LAST_REPEATS_MS) break;
      await pause(30 + this.chance.below(100));
    }
    const clear = clearAttempt(call);
    // Who asks once more is told the same, if the first answer changed something.
    if (clear?.answer?.body['ok'] === true && fields['requestId'] !== undefined && this.chance.happens(0.05)) {
      call.attempts.push(await this.#attempt(call, undefined));
    }
    return clear?.answer?.body;
  }

  async #attempt(call: Call, hangUpMs: number | undefined): Promise<Attempt> {
    const node: TestNode = this.chance.of(this.round.nodes);
    const isPatient = hangUpMs === undefined && this.chance.happens(0.4);
    const signal = AbortSignal.timeout(hangUpMs ?? waitOf(call) + (isPatient ? PATIENCE_MS : SHORT_PATIENCE_MS));
    const invoked = performance.now();
    const made = { node: node.id, invoked };
    try {
      const { status, body } = await node.post(`/queue/${call.kind}`, { queue: call.queue, ...call.body }, { signal });
      return { ...made, completed: performance.now(), answer: { status, body } };
    } catch (error) {
      return { ...made, completed: performance.now(), hungUp: !isPatient, refused: isRefused(error) };
    }
  }
}

function isRefused(error: unknown): boolean {
  const cause = error instanceof TypeError ? (error.cause as { code?: string } | undefined) : undefined;
  return cause?.code === 'ECONNREFUSED';
}
