import { RedisUnavailable } from '#lib/redis';
import { NodeDraining } from '#lib/http';
import type { Membership } from '#lib/membership';
import { scripts, type PopAnswer } from './queue.scripts.js';
import type { QueueStore } from './queue.store.js';

/** A published message can be lost: so often one waiting pop of each queue looks by itself, give or take a quarter. */
const RECHECK_MS = 1000;

type Nudge = 'woken' | 'check' | 'timeout' | 'gone' | 'draining';

/** One pop that waits on this node. It is nudged; the strongest nudge since it last looked counts. */
class WaitingPop {
  /** Its turn among all that wait on the queue; empty until Redis gave one. */
  ticket = '';
  /** The answer of a try was lost: it may have taken messages. */
  lostAnswer = false;
  #nudge: Nudge | undefined;
  #resolve: ((nudge: Nudge) => void) | undefined;

  nudge(nudge: Nudge): void {
    const ended = this.#nudge === 'timeout' || this.#nudge === 'gone' || this.#nudge === 'draining';
    if (!ended) this.#nudge = nudge;
    this.#resolve?.(this.#nudge ?? nudge);
    this.#resolve = undefined;
  }

  /** Whether it was asked to look and has not. */
  get owesLook(): boolean {
    return this.#nudge === 'woken' || this.#nudge === 'check';
  }

  async nudged(): Promise<Nudge> {
    const nudge = this.#nudge ?? (await new Promise<Nudge>((resolve) => (this.#resolve = resolve)));
    this.#nudge = undefined;
    return nudge;
  }
}

/** The pops of this node that wait on one queue. */
class Line {
  readonly waiting = new Map<string, WaitingPop>();
  recheck: NodeJS.Timeout | undefined;
  delayed: { timer: NodeJS.Timeout; at: number } | undefined;
}

/**
 * The pops that wait on this node. Each has a place in Redis under its ticket; an arrival on any node takes the first
 * place off and tells its node, which lets that pop try again. While a pop waits, its node keeps a timer for the
 * queue's next delayed message.
 */
export class WaitingPops {
  readonly #lines = new Map<string, Line>();
  #lastId = 0;

  constructor(
    private readonly store: QueueStore,
    private readonly membership: Membership,
    private readonly draining: AbortSignal,
  ) {
    membership.on('queue.wake', (queue = '', id = '') => {
      this.#lines.get(queue)?.waiting.get(id)?.nudge('woken');
    });
    membership.on('queue.due', (queue = '', inMs = '0') => {
      this.#expectDelayed(queue, Number(inMs));
    });
    membership.events.on('reconnected', () => {
      for (const line of this.#lines.values()) this.#checkFirst(line);
    });
  }

  /** How many pops wait on this node. */
  get size(): number {
    let size = 0;
    for (const line of this.#lines.values()) size += line.waiting.size;
    return size;
  }

  /**
   * Tries until there is something or the time is over.
   * @param attempt one try: under a place and ticket, taking the place where there is nothing if `stay`
   * @param signal aborted when nobody waits for the answer any more
   * @param isGone whether what a try took is gone where its answer was lost: then the pop does not end as `empty`
   * @returns the answer of the last try, `undefined` where nobody waits for it
   * @throws RedisUnavailable where the first or last try could not be made; NodeDraining. Both say of an earlier try,
   * too, that it may have taken effect.
   */
  async wait(
    queue: string,
    waitMs: number,
    attempt: (place: string, ticket: string, stay: boolean) => Promise<PopAnswer>,
    signal?: AbortSignal,
    isGone = false,
  ): Promise<PopAnswer | undefined> {
    if (this.draining.aborted) throw new NodeDraining(false);
    this.#lastId += 1;
    const id = String(this.#lastId);
    const place = `${id}@${this.membership.channelName}`;
    const pop = new WaitingPop();
    const line = this.#enter(queue, id, pop);
    const timeout = setTimeout(() => {
      pop.nudge('timeout');
    }, waitMs);
    const gone = () => {
      pop.nudge('gone');
    };
    const drain = () => {
      pop.nudge('draining');
    };
    const look = async (stay: boolean) => {
      try {
        return await attempt(place, pop.ticket, stay);
      } catch (error) {
        if (!(error instanceof RedisUnavailable)) throw error;
        pop.lostAnswer ||= error.mayHaveTakenEffect;
        // While it waits, a pop outlives outages of Redis.
        if (stay) return undefined;
        throw new RedisUnavailable(error.message, pop.lostAnswer, { cause: error });
      }
    };
    signal?.addEventListener('abort', gone);
    this.draining.addEventListener('abort', drain);
    try {
      let answer: PopAnswer | undefined = await attempt(place, '', true);
      for (;;) {
        if (answer && answer[0] !== 'empty') return answer;
        if (answer) {
          pop.ticket = answer[2];
          this.#expectDelayed(queue, answer[3]);
        }
        const nudge = await pop.nudged();
        if (nudge === 'timeout') {
          answer = await look(false);
          if (answer?.[0] === 'empty' && pop.lostAnswer && isGone)
            throw new RedisUnavailable('Redis did not answer in time', true);
          return answer;
        }
        if (nudge === 'gone' || nudge === 'draining') {
          await this.store.run(scripts.leave, queue, [place]).catch(ignoreOutage);
          if (nudge === 'gone') return undefined;
          throw new NodeDraining(pop.lostAnswer);
        }
        answer = await look(true);
        // It found something without having been told: others may not have been told either.
        if (nudge === 'check' && answer?.[0] === 'ok') this.#checkFirst(line, id);
      }
    } finally {
      clearTimeout(timeout);
      signal?.removeEventListener('abort', gone);
      this.draining.removeEventListener('abort', drain);
      this.#leave(queue, line, id);
      if (pop.owesLook) this.#checkFirst(line);
    }
  }

  #enter(queue: string, id: string, pop: WaitingPop): Line {
    const line = this.#lines.get(queue) ?? new Line();
    this.#lines.set(queue, line);
    line.waiting.set(id, pop);
    if (!line.recheck) this.#recheckLater(line);
    return line;
  }

  #leave(queue: string, line: Line, id: string): void {
    line.waiting.delete(id);
    if (line.waiting.size > 0) return;
    clearTimeout(line.recheck);
    clearTimeout(line.delayed?.timer);
    this.#lines.delete(queue);
  }

  #recheckLater(line: Line): void {
    line.recheck = setTimeout(
      () => {
        this.#checkFirst(line);
        this.#recheckLater(line);
      },
      RECHECK_MS * (0.75 + Math.random() / 2),
    );
  }

  /** Lets the pop that has waited longest look by itself. */
  #checkFirst(line: Line, except?: string): void {
    for (const [id, pop] of line.waiting) {
      if (id === except) continue;
      pop.nudge('check');
      return;
    }
  }

  /** @param inMs until the queue's next delayed message is due; negative where there is none */
  #expectDelayed(queue: string, inMs: number): void {
    const line = this.#lines.get(queue);
    if (!line || inMs < 0) return;
    const at = performance.now() + inMs;
    if (line.delayed && line.delayed.at <= at) return;
    clearTimeout(line.delayed?.timer);
    // Timers fire up to a millisecond early; a wait too long for a timer is renewed by the recheck.
    const timer = setTimeout(
      () => {
        line.delayed = undefined;
        // Its look promotes what is due, and wakes others for what it leaves.
        this.#checkFirst(line);
      },
      Math.min(inMs + 1, 3_600_000),
    );
    line.delayed = { timer, at };
  }
}

/** A place that is not given up goes by itself. */
function ignoreOutage(error: unknown): undefined {
  if (!(error instanceof RedisUnavailable)) throw error;
}
