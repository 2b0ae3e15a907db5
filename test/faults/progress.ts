import type { Plan, RoundResult } from './campaign.js';
import type { Rig } from './rig.js';
import { faultOf, type Summary } from './summary.js';
import { MACHINE } from './witness.js';

const EVERY_MS = 1000;

/** Says how far the campaign is: a line a round, and on a terminal one that follows the round under way. */
export class Progress {
  readonly #started = performance.now();
  #round = 0;
  #violations = 0;
  #timer: NodeJS.Timeout | undefined;

  begin({ faults }: Plan, rig: Rig): void {
    this.#round += 1;
    if (!process.stdout.isTTY) return;
    const before = requestsOf(rig);
    const what = faults.length > 1 ? 'mixed' : (faults[0]?.name ?? 'none');
    this.#timer = setInterval(() => {
      const requests = requestsOf(rig) - before;
      const injected = rig.incidents.all.filter(({ fault }) => fault !== MACHINE).length;
      const line = `${this.#elapsed()} round ${this.#round}, ${what}: ${requests} requests, ${injected} faults, ${this.#violations} violations so far`;
      process.stdout.write(`\r\u001b[K${line}`);
    }, EVERY_MS);
  }

  /** Says it in a line that stays, whether or not there is a terminal. */
  finish(result: RoundResult): void {
    this.end();
    const { plan, injected, stalledMs, outcomes, violations } = result;
    this.#violations += violations.length;
    const parts = plan.services.map((service) => {
      const { operations = 0, ambiguous = 0 } = outcomes[service] ?? {};
      return `${service} ${operations} operations (${ambiguous} ambiguous)`;
    });
    if (stalledMs > 0) parts.push(`the machine itself stalled for ${(stalledMs / 1000).toFixed(1)} s`);
    const what = `${faultOf(result)}, seed ${plan.seed}: ${injected} faults, ${parts.join(', ')}`;
    console.log(`${violations.length === 0 ? 'ok    ' : 'FAILED'} ${this.#elapsed()} ${what}`);
    for (const { service, rule, what: text, history } of violations) {
      console.log(`       ${service}, ${rule}: ${text}`);
      for (const line of history) console.log(`         ${line}`);
    }
    for (const line of result.circumstances) console.log(`       meanwhile: ${line}`);
  }

  say(text: string): void {
    console.log(process.stdout.isTTY ? `\r\u001b[K${text}` : text);
  }

  /** The round under way is over. */
  end(): void {
    clearInterval(this.#timer);
    if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
  }

  /**
   * Says what came of it all; each round without a violation and each known fault that was caught has passed.
   * @returns the exit code
   */
  sum({ rounds, rows, violations, known }: Summary): number {
    const operations = rows.reduce((sum, row) => sum + row.operations, 0);
    console.log(`${this.#elapsed()}: ${operations} operations, ${violations.length} violations`);
    for (const command of new Set(violations.map((one) => one.command))) console.log(`Again: ${command}`);
    const missed = known.filter(({ round }) => round === undefined).length;
    const failed = new Set(violations.map(({ seed }) => seed)).size;
    console.log(`${rounds - failed + known.length - missed} passed, ${failed + missed} failed`);
    return failed + missed > 0 ? 1 : 0;
  }

  #elapsed(): string {
    const seconds = Math.floor((performance.now() - this.#started) / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  }
}

function requestsOf({ nodes }: Rig): number {
  return nodes.reduce((sum, { requests }) => sum + requests, 0);
}
